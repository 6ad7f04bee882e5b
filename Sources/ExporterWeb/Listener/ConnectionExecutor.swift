import NIOCore

/// Runs the tasks of a connection on its event loop, so that a scrape passes from one thread to another nowhere on its
/// way: what takes time has to be sent elsewhere.
///
/// With a web config file that is not worth it: its files are looked at for each request, and may be on a slow disk, and
/// encrypting a long answer would keep other connections waiting.
final class ConnectionExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
