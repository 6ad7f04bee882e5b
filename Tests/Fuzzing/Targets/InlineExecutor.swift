import NIOConcurrencyHelpers

/// Runs asynchronous work to completion on the calling thread, so that the same bytes always take the same path.
final class InlineExecutor: TaskExecutor {
    private let jobs = NIOLockedValueBox<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLockedValue { $0.append(job) }
    }

    /// Runs the work.
    ///
    /// - Throws: `BrokenProperty` if the work waits for an event outside of this executor.
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
        try ensure(isDone.withLockedValue { $0 }, "the work waits for an external event")
    }
}
