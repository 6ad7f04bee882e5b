import NIOConcurrencyHelpers

/// Runs asynchronous work to its end on the calling thread: a run is over when its function returns, and the same bytes
/// take the same path each time.
final class InlineExecutor: TaskExecutor {
    private let jobs = NIOLockedValueBox<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLockedValue { $0.append(job) }
    }

    /// Runs the work.
    ///
    /// - Throws: `BrokenProperty` where the work waits for something that nobody here does.
    static func run(_ work: @escaping @Sendable () async -> Void) throws(BrokenProperty) {
        let executor = InlineExecutor()
        let isDone = NIOLockedValueBox(false)
        Task(executorPreference: executor) {
            await work()
            isDone.withLockedValue { $0 = true }
        }
        while let job = executor.jobs.withLockedValue({ $0.isEmpty ? nil : $0.removeFirst() }) {
            job.runSynchronously(on: executor.asUnownedTaskExecutor())
        }
        try ensure(isDone.withLockedValue { $0 }, "the work waits for something outside of it")
    }
}
