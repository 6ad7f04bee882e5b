import ConfigReading
import ExporterCore
import Foundation
import Logging
import NIOConcurrencyHelpers
import Testing
import UsageModel

/// Keeps the written lines, one entry per call.
final class MemoryOutput: LogOutput {
    private let written = NIOLockedValueBox<[String]>([])

    var lines: [String] { written.withLockedValue { $0 } }

    func write(_ line: [UInt8]) {
        written.withLockedValue { $0.append(String(decoding: line, as: UTF8.self)) }
    }
}

private struct FixedClock: WallClock {
    let now: Timestamp

    func sleep(for duration: Duration) async throws {}
}

private struct Refusal: Error, CustomStringConvertible {
    let description: String
}

@Suite("Log lines")
struct ExporterLogHandlerTests {
    private static let timestamp = "2026-11-20T23:31:27.123Z"

    /// The lines that a logging closure writes.
    private func lines(
        _ format: LogFormat, threshold: LogThreshold = .debug, at timestamp: String = timestamp,
        component: String = "web", secrets: [String] = [], _ log: (inout Logger) -> Void
    ) throws -> [String] {
        let output = MemoryOutput()
        let redaction = LogRedaction()
        for secret in secrets { redaction.register(secret) }
        let clock = FixedClock(now: try #require(Timestamp(timestamp)))
        var logger = Logger(label: component) {
            ExporterLogHandler(
                component: $0, format: format, threshold: threshold, clock: clock, redaction: redaction, output: output)
        }
        log(&logger)
        return output.lines
    }

    @Test("A logfmt line begins with time, level, component and message; metadata follows, sorted")
    func logfmt() throws {
        let lines = try lines(.logfmt) { logger in
            logger.info("Listening on", metadata: ["port": "10061", "address": "[::]", "tls": "\(false)"])
        }
        #expect(
            lines == [
                "ts=2026-11-20T23:31:27.123Z level=info component=web msg=\"Listening on\" address=[::] port=10061 "
                    + "tls=false\n"
            ])
    }

    @Test("A JSON line holds the same keys in the same order")
    func json() throws {
        let lines = try lines(.json) { logger in
            logger.info("Listening on", metadata: ["port": "10061", "address": "[::]"])
        }
        #expect(
            lines == [
                #"{"ts":"2026-11-20T23:31:27.123Z","level":"info","component":"web","msg":"Listening on","#
                    + #""address":"[::]","port":"10061"}"# + "\n"
            ])
    }

    @Test("A timestamp without fraction has three zeros, so that lines align")
    func wholeSecond() throws {
        let lines = try lines(.logfmt, at: "2026-11-20T00:00:00Z") { $0.info("x") }
        #expect(lines == ["ts=2026-11-20T00:00:00.000Z level=info component=web msg=x\n"])
    }

    @Test(
        "The four thresholds pass levels of at least their severity, with the names of Prometheus exporters",
        arguments: [
            (.debug, ["debug", "info", "info", "warn", "error", "error"]),
            (.info, ["info", "info", "warn", "error", "error"]), (.warn, ["warn", "error", "error"]),
            (.error, ["error", "error"]),
        ] as [(LogThreshold, [String])])
    func levels(threshold: LogThreshold, shown: [String]) throws {
        let lines = try lines(.logfmt, threshold: threshold) { logger in
            for level in Logger.Level.allCases { logger.log(level: level, "x") }
        }
        let levels = lines.compactMap { $0.split(separator: " ").dropFirst().first?.dropFirst("level=".count) }
        #expect(levels.map(String.init) == shown)
    }

    @Test(
        "Ambiguous values are quoted and escaped, others are unchanged",
        arguments: [
            ("plain", "plain"), ("", "\"\""), ("two words", "\"two words\""), ("a=b", "\"a=b\""),
            ("say \"hi\"", #""say \"hi\"""#), ("C:\\new", "C:\\new"), ("C:\\new folder", #""C:\\new folder""#),
            ("line\nbreak\r\n\t", #""line\nbreak\r\n\t""#), ("\u{1B}[31m\u{0}\u{7F}", #""\u001b[31m\u0000\u007f""#),
            ("größe", "größe"), ("日本語 テキスト", "\"日本語 テキスト\""), ("👩‍👧", "👩‍👧"),
            ("a\u{202E}b\u{2028}", #""a\u202eb\u2028""#), ("{}", "{}"),
        ])
    func logfmtValues(value: String, written: String) throws {
        let lines = try lines(.logfmt) { $0.info("x", metadata: ["v": "\(value)"]) }
        #expect(lines == ["ts=\(Self.timestamp) level=info component=web msg=x v=\(written)\n"])
    }

    @Test(
        "Any value round-trips through a JSON line, which is a single line",
        arguments: [
            "", "a\"b\\c/d", "line\nbreak\r\t", "\u{0}\u{1B}\u{7F}\u{85}\u{2028}\u{202E}\u{FEFF}", "größe 日本語 👩‍👧",
        ])
    func jsonValues(value: String) throws {
        let lines = try lines(.json) { logger in
            logger.info("\(value)", metadata: ["v": "\(value)", "\(value)k": "1"])
        }
        let line = try #require(lines.first)
        #expect(line.unicodeScalars.filter { $0 == "\n" || $0 == "\u{2028}" || $0 == "\r" }.count == 1)
        let decoded = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
        #expect(decoded["v"] == value)
        #expect(decoded["msg"] == value)
        #expect(decoded["\(value)k"] == "1")
    }

    @Test("Nested metadata is flattened with dots in logfmt and kept in JSON")
    func nested() throws {
        let metadata: Logger.Metadata = [
            "http": ["status": "429", "headers": ["retry after": "5"]], "tries": ["1", "two\"s"], "none": [:], "no": [],
        ]
        let logfmt = try lines(.logfmt) { $0.info("x", metadata: metadata) }
        let json = try lines(.json) { $0.info("x", metadata: metadata) }
        #expect(
            logfmt.first?.hasSuffix(
                #" http.headers.retry_after=5 http.status=429 no=[] none={} tries="[\"1\",\"two\\\"s\"]""# + "\n")
                == true)
        #expect(
            json.first?.hasSuffix(
                #","http":{"headers":{"retry after":"5"},"status":"429"},"no":[],"none":{},"tries":["1","two\"s"]}"#
                    + "\n") == true)
    }

    @Test("Invalid logfmt keys are sanitized, and reserved keys appear once")
    func keys() throws {
        let metadata: Logger.Metadata = ["a b=\"c\"\n": "1", "": "2", "level": "3", "msg": "4", "component": "probe"]
        let lines = try lines(.logfmt) { $0.info("x", metadata: metadata) }
        #expect(
            lines == ["ts=\(Self.timestamp) level=info component=probe msg=x _=2 a_b__c__=1 level_=3 msg_=4\n"])
    }

    @Test("Metadata of the call overrides the logger's, and loggers do not share metadata")
    func metadataPrecedence() throws {
        let lines = try lines(.logfmt) { logger in
            logger[metadataKey: "account"] = "media"
            var other = logger
            other[metadataKey: "account"] = "stack"
            logger.info("x", metadata: ["account": "venice"])
            logger.info("x")
            other.info("x")
        }
        #expect(lines.map { $0.split(separator: "account=").last } == ["venice\n", "media\n", "stack\n"])
    }

    @Test("The error is the last field, err")
    func errors() throws {
        let lines = try lines(.logfmt) { logger in
            logger.error("Sync failed", error: Refusal(description: "HTTP 500"), metadata: ["z": "1"])
        }
        #expect(lines.first?.hasSuffix("msg=\"Sync failed\" z=1 err=\"HTTP 500\"\n") == true)
    }

    @Test("A registered secret is replaced in the message, in nested metadata, in keys and in errors")
    func redaction() throws {
        let secret = "sk-\"quoted\\1234"
        for format in LogFormat.allCases {
            let lines = try lines(format, secrets: [secret, "short"]) { logger in
                logger.error(
                    "key \(secret) short", error: Refusal(description: "401 for \(secret)"),
                    metadata: [
                        "a": ["b": ["\(secret)", .stringConvertible(Refusal(description: secret))]], "k\(secret)": "1",
                    ])
            }
            let line = try #require(lines.first)
            #expect(line.split(separator: "<redacted>", omittingEmptySubsequences: false).count == 6)
            #expect(!line.contains("1234"))
            #expect(line.contains("short"))
        }
    }

    @Test("Concurrent lines are each written in one call")
    func concurrency() async {
        let output = MemoryOutput()
        let handler = ExporterLogHandler(
            component: "c", format: .logfmt, threshold: .info, clock: FixedClock(now: Timestamp(seconds: 0)),
            redaction: LogRedaction(), output: output)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask { Logger(label: "c") { _ in handler }.info("x", metadata: ["n": "\(number)"]) }
            }
        }
        let expected = (0..<200).map { "ts=1970-01-01T00:00:00.000Z level=info component=c msg=x n=\($0)\n" }
        #expect(output.lines.sorted() == expected.sorted())
    }
}
