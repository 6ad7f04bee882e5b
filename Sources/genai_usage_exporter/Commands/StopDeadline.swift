import Dispatch
import Foundation
import Logging

/// Ends the process when an orderly stop takes too long: a service manager that waits in vain kills it anyway.
///
/// Nothing is lost by that: the ledger's transactions are durable as they are made. It runs on a queue of its own, since
/// what delays a stop is work that keeps the shared threads busy.
final class StopDeadline {
    /// With what an orderly stop may take in all, this stays under the 2 s that a stop is promised to take.
    private static let grace = DispatchTimeInterval.milliseconds(1500)

    private let sources: [any DispatchSourceSignal]

    /// Begins to wait for a stop signal.
    init(logger: Logger) {
        let queue = DispatchQueue(label: "stop-deadline")
        sources = [SIGTERM, SIGINT].map { signal in
            let source = DispatchSource.makeSignalSource(signal: signal, queue: queue)
            source.setEventHandler {
                queue.asyncAfter(deadline: .now() + Self.grace) {
                    logger.warning("stopped before the work in hand was done; it is taken up at the next start")
                    _exit(0)
                }
            }
            source.resume()
            return source
        }
    }
}
