import ExporterCore
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// The exporter's own log, as its handler writes it, kept line by line: everything down to `debug`.
final class CapturedLog: LogOutput {
    private let kept = NIOLockedValueBox<[String]>([])

    /// The lines so far.
    var lines: [String] { kept.withLockedValue { $0 } }

    /// Forgets the lines so far.
    func clear() { kept.withLockedValue { $0 = [] } }

    func write(_ line: [UInt8]) {
        kept.withLockedValue { $0.append(String(decoding: line, as: UTF8.self)) }
    }

    /// A logger that writes here.
    ///
    /// - Parameter redaction: nothing registered: what the code itself lets through must be seen.
    func logger(clock: any WallClock, redaction: LogRedaction) -> Logger {
        Logger(label: "exporter") { label in
            ExporterLogHandler(
                component: label, format: .logfmt, threshold: .debug, clock: clock, redaction: redaction, output: self)
        }
    }
}
