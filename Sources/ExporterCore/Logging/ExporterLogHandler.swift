import ConfigReading
import Foundation
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// The format of log lines: the values of `--log.format`.
package enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// `ts=… level=… msg=…`.
    case logfmt
    /// One JSON object per line.
    case json
}

/// The minimum level that is logged: the values of `--log.level`.
package enum LogThreshold: String, Sendable, Hashable, CaseIterable {
    case debug
    case info
    case warn
    case error

    /// The minimum level of swift-log. `trace` is never logged, because libraries log whole requests there.
    package var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warn: .warning
        case .error: .error
        }
    }
}

/// Writes one line per record, with the time from an injected clock and registered secrets replaced.
///
/// ```swift
/// LoggingSystem.bootstrap { label in
///     ExporterLogHandler(component: label, format: .logfmt, threshold: .info, clock: clock, redaction: redaction)
/// }
/// ```
package struct ExporterLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let component: String
    private let format: LogFormat
    private let clock: any WallClock
    private let output: any LogOutput
    private let redaction: LogRedaction

    /// - Parameter component: the logger's label, logged as the field `component`.
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

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes a line. The call site's metadata overrides the metadata provider's, which overrides the logger's.
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

/// A destination of log lines.
package protocol LogOutput: Sendable {
    /// Writes one line, including its line break.
    func write(_ line: [UInt8])
}

/// An unbuffered file descriptor, so that no line is lost in a crash.
package final class DescriptorOutput: LogOutput {
    /// Standard error. One instance per process, because its lock keeps lines from mixing.
    package static let standardError = DescriptorOutput(STDERR_FILENO)

    private let descriptor: Int32
    private let turn = NIOLock()

    /// - Parameter descriptor: the caller closes it.
    package init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Writes the line with one `write(2)`, so that lines of several threads or processes do not mix.
    ///
    /// After a partial write (a full pipe) the rest of the line is written before the next line. A line that cannot be
    /// written is dropped, because logging must not stop the program.
    package func write(_ line: [UInt8]) {
        turn.withLock { _ = DescriptorWriting.write(line, to: descriptor) }
    }
}
