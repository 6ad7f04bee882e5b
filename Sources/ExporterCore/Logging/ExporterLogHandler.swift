import Foundation
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// The form of log lines: the values of `--log.format`.
package enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// `ts=… level=… msg=…`.
    case logfmt
    /// One JSON object a line.
    case json
}

/// The least level that is logged: the values of `--log.level`.
package enum LogThreshold: String, Sendable, Hashable, CaseIterable {
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
    package var level: Logger.Level {
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
package struct ExporterLogHandler: LogHandler {
    /// The least level that is logged.
    package var logLevel: Logger.Level
    /// What every line of this logger carries.
    package var metadata: Logger.Metadata = [:]
    /// What the task at hand adds to a line.
    package var metadataProvider: Logger.MetadataProvider?

    private let component: String
    private let format: LogFormat
    private let clock: any WallClock
    private let output: any LogOutput
    private let redaction: LogRedaction

    /// A handler for the logger of a component, whose name is the field `component`.
    package init(
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
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes the line; the call site's metadata wins over the task's, and that over the logger's.
    package func log(event: LogEvent) {
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

/// Where log lines go.
package protocol LogOutput: Sendable {
    /// Writes one line, its line break included.
    func write(_ line: [UInt8])
}

/// An open file, unbuffered: what was logged before a crash has been written.
package final class DescriptorOutput: LogOutput {
    /// Standard error, once for the whole process: lines of two outputs would not wait for each other.
    package static let standardError = DescriptorOutput(STDERR_FILENO)

    private let descriptor: Int32
    private let turn = NIOLock()

    /// Writes to this descriptor, which stays the caller's to close.
    package init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Writes the line with one `write(2)`, so that lines of several threads or processes do not mix.
    ///
    /// A line that the kernel takes in parts (a full pipe) is continued before another begins. A line that cannot be
    /// written is lost: logging must not stop the program.
    package func write(_ line: [UInt8]) {
        turn.withLock { _ = DescriptorWriting.write(line, to: descriptor) }
    }
}
