import ExporterCore
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// The exporter's own log, as its handler writes it, kept line by line.
package final class CapturedLog: LogOutput {
    private let kept = NIOLockedValueBox<[String]>([])

    /// Nothing logged yet.
    package init() {}

    /// The lines so far.
    package var lines: [String] { kept.withLockedValue { $0 } }

    /// Forgets the lines so far.
    package func clear() { kept.withLockedValue { $0 = [] } }

    /// Keeps a line.
    package func write(_ line: [UInt8]) {
        kept.withLockedValue { $0.append(String(decoding: line, as: UTF8.self)) }
    }

    /// A logger that writes here.
    ///
    /// - Parameter redaction: what the handler blots out; nothing unless given, so that what the code itself lets through
    ///   is seen.
    package func logger(
        clock: any WallClock, threshold: LogThreshold = .debug, redaction: LogRedaction = LogRedaction()
    ) -> Logger {
        Logger(label: "exporter") { label in
            ExporterLogHandler(
                component: label, format: .logfmt, threshold: threshold, clock: clock, redaction: redaction,
                output: self)
        }
    }
}
