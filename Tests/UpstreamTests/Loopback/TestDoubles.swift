import Logging
import NIOConcurrencyHelpers
import TestSupport
import Upstream
import UsageModel

/// A random source that returns a constant.
struct FixedRandom: RandomSource {
    let value: Double

    func unit() -> Double { value }
}

/// Records the observed requests.
final class RecordingObserver: UpstreamObserver {
    private let state = NIOLockedValueBox<(codes: [Int?], durations: [Duration], retries: Int)>(([], [], 0))

    var codes: [Int?] { state.withLockedValue { $0.codes } }
    var durations: [Duration] { state.withLockedValue { $0.durations } }
    var retries: Int { state.withLockedValue { $0.retries } }

    func requestFinished(code: Int?, duration: Duration) {
        state.withLockedValue {
            $0.codes.append(code)
            $0.durations.append(duration)
        }
    }

    func responded(to call: UpstreamCall, status: Int, headers: UpstreamHeaders, at now: Timestamp) {}

    func retried() {
        state.withLockedValue { $0.retries += 1 }
    }
}

/// Records every log line with its metadata.
struct RecordingLogHandler: LogHandler {
    final class Lines: Sendable {
        private let lines = NIOLockedValueBox<[String]>([])

        var all: [String] { lines.withLockedValue { $0 } }

        func append(_ line: String) { lines.withLockedValue { $0.append(line) } }
    }

    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.append("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
}

/// A fixture for clients with a recording clock, observer and log.
struct TestBench: Sendable {
    static let key = "sk-test-5f2d9c81"

    let connections: UpstreamConnections
    let clock = ManualClock(Timestamp(seconds: 1_763_640_000), sleeping: .advances)
    let observer = RecordingObserver()
    let log = RecordingLogHandler.Lines()

    func client(
        _ settings: UpstreamSettings, credential: Credential? = Credential(literal: key), random: Double = 0.5
    ) -> UpstreamClient {
        var logger = Logger(label: "test") { _ in RecordingLogHandler(lines: log) }
        logger.logLevel = .trace
        return UpstreamClient(
            settings: settings, credential: credential, fingerprintSalt: "salt", connections: connections, clock: clock,
            random: FixedRandom(value: random), observer: observer, logger: logger)
    }

    /// Runs a body with a fixture whose connections are shut down afterwards.
    static func run<Result>(_ body: (TestBench) async throws -> Result) async throws -> Result {
        let bench = TestBench(connections: UpstreamConnections())
        do {
            let result = try await body(bench)
            try await bench.connections.shutdown()
            return result
        } catch {
            try await bench.connections.shutdown()
            throw error
        }
    }

    /// Sends a call that must fail and returns the failure.
    func failure(
        _ settings: UpstreamSettings, _ call: UpstreamCall = UpstreamCall(.get, "/usage")
    ) async throws -> UpstreamFailure {
        do {
            _ = try await client(settings).send(call)
        } catch let failure as UpstreamFailure {
            return failure
        }
        throw UnexpectedSuccess()
    }
}

struct UnexpectedSuccess: Error {}

/// Returns keys in order.
final class KeyRing: Sendable {
    private let keys: NIOLockedValueBox<[String]>

    init(_ keys: [String]) {
        self.keys = NIOLockedValueBox(keys)
    }

    func next() -> String { keys.withLockedValue { $0.isEmpty ? "none left" : $0.removeFirst() } }
}
