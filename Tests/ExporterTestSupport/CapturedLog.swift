import ConfigReading
import ExporterCore
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// Captures the exporter's log, as its handler writes it, line by line.
package final class CapturedLog: LogOutput {
    private let kept = NIOLockedValueBox<[String]>([])

    package init() {}

    package var lines: [String] { kept.withLockedValue { $0 } }

    package func clear() { kept.withLockedValue { $0 = [] } }

    package func write(_ line: [UInt8]) {
        kept.withLockedValue { $0.append(String(decoding: line, as: UTF8.self)) }
    }

    /// A logger that writes here.
    ///
    /// - Parameter redaction: secrets that the handler redacts; by default none, so that tests see what
    ///   the code itself logs.
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
