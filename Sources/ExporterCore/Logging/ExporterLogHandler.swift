import Logging
import UsageModel

/// The form of log lines: the values of `--log.format`.
public enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// `ts=… level=… msg=…`.
    case logfmt
    /// One JSON object a line.
    case json
}

/// The least level that is logged: the values of `--log.level`.
public enum LogThreshold: String, Sendable, Hashable, CaseIterable {
    /// Everything that helps to find a fault.
    case debug
    /// What an operator wants to read on an ordinary day.
    case info
    /// What went wrong and was dealt with.
    case warn
    /// What needs somebody.
    case error

    /// The least of swift-log's levels that this lets through; swift-log's `trace` is never logged, since libraries
    /// write whole requests there.
    public var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warn: .warning
        case .error: .error
        }
    }
}

/// Writes one line a record, with the time from an injected clock and registered secrets replaced.
///
/// ```swift
/// LoggingSystem.bootstrap { label in
///     ExporterLogHandler(component: label, format: .logfmt, threshold: .info, clock: clock, redaction: redaction)
/// }
/// ```
public struct ExporterLogHandler: LogHandler {
    /// The least level that is logged.
    public var logLevel: Logger.Level
    /// What every line of this logger carries.
    public var metadata: Logger.Metadata = [:]
    /// What the task at hand adds to a line.
    public var metadataProvider: Logger.MetadataProvider?

    private let component: String
    private let format: LogFormat
    private let clock: any WallClock
    private let output: any LogOutput
    private let redaction: LogRedaction

    /// A handler for the logger of a component, whose name is the field `component`.
    public init(
        component: String, format: LogFormat, threshold: LogThreshold, clock: any WallClock, redaction: LogRedaction,
        output: any LogOutput = DescriptorOutput.standardError
    ) {
        self.component = component
        self.format = format
        self.clock = clock
        self.redaction = redaction
        self.output = output
        logLevel = threshold.level
    }

    /// One key of the metadata that every line carries.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes the line; the call site's metadata wins over the task's, and that over the logger's.
    public func log(event: LogEvent) {
        let merged =
            metadata
            .merging(metadataProvider?.get() ?? [:]) { $1 }
            .merging(event.metadata ?? [:]) { $1 }
        let record = LogRecord(
            at: clock.now, component: component, event: event, metadata: merged, redaction: redaction)
        switch format {
        case .logfmt: output.write(LogfmtEncoder.line(record))
        case .json: output.write(JSONLineEncoder.line(record))
        }
    }
}
