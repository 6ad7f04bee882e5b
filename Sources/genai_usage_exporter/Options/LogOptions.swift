import ArgumentParser
import ExporterCore
import Logging
import UsageModel

extension LogThreshold: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// `--log.level`, `--log.format`.
struct LogOptions: ParsableArguments {
    @Option(name: .customLong("log.level"), help: "Only log records of this severity or above.")
    var level: LogThreshold = .info

    @Option(name: .customLong("log.format"), help: "Form of the log lines.")
    var format: LogFormat = .logfmt

    /// The logger to standard error; secrets registered with `redaction` never pass it.
    func logger(clock: any WallClock, redaction: LogRedaction) -> Logger {
        Logger(label: "exporter") { label in
            ExporterLogHandler(
                component: label, format: format, threshold: level, clock: clock, redaction: redaction)
        }
    }
}
