import NIOConcurrencyHelpers
import Testing
import UsageModel
import Upstream

@testable import Providers

/// A harness for a source of CheapestInference with scripted responses, which records commits.
final class CheapestInferenceBench: SyncContext, UpstreamAPI {
    /// 2026-04-01T12:00:00Z
    static let presence = Timestamp(seconds: 1_775_044_800)

    private struct State {
        var answers: [String: [Result<String, UpstreamFailure>]] = [:]
        var asked: [UpstreamCall] = []
        var memory: [String: String] = [:]
        var gauges: [GaugeFamily: [GaugeSample]] = [:]
        var slices: [SliceReading] = []
        var places = Int.max
        var remarks: [String] = []
        var fingerprint: String?
        var now: Timestamp
    }

    private let state: NIOLockedValueBox<State>
    let ledgerStart: Timestamp
    let startedAt: Timestamp
    let isFirst = true
    let dueSlices: [DueSlice] = []

    init(now: Timestamp = presence, history: Duration = .days(30)) {
        state = NIOLockedValueBox(State(now: now))
        startedAt = now
        ledgerStart = (now - history).day.start
    }

    /// Scripts one response per call to the path, in order; the last one repeats.
    func answer(_ path: String, _ bodies: String...) {
        state.withLockedValue { $0.answers[path, default: []] += bodies.map { .success($0) } }
    }

    /// Scripts a failure; `text` is the API's message in the response.
    func fail(_ path: String, _ status: Int, _ reason: FailureReason, saying text: String? = nil) {
        let message = "HTTP \(status)" + (text.map { "; the API says: \($0)" } ?? "")
        let failure = UpstreamFailure(reason: reason, status: status, apiMessage: text, message: message)
        state.withLockedValue { $0.answers[path, default: []].append(.failure(failure)) }
    }

    /// Sets the number of requests that the quota still allows.
    func allow(_ places: Int) { state.withLockedValue { $0.places = places } }

    /// Replaces the credential.
    func rotate(to fingerprint: String) { state.withLockedValue { $0.fingerprint = fingerprint } }

    func advance(by duration: Duration) { state.withLockedValue { $0.now = $0.now + duration } }

    var asked: [String] { state.withLockedValue { $0.asked.map(\.path) } }
    var wasSigned: [Bool] { state.withLockedValue { $0.asked.map(\.authenticated) } }

    /// The cells of all slices after their last read.
    var cells: Set<Cell> {
        let slices = state.withLockedValue { $0.slices }
        return Set(Dictionary(slices.map { ($0.slice, $0.cells) }, uniquingKeysWith: { $1 }).values.joined())
    }

    func shown(_ family: GaugeFamily) -> Set<GaugeSample> { state.withLockedValue { Set($0.gauges[family] ?? []) } }

    var remarks: [String] { state.withLockedValue { $0.remarks } }
    var memories: [String: String] { state.withLockedValue { $0.memory } }

    /// The samples of all families.
    var samples: [GaugeSample] { state.withLockedValue { Array($0.gauges.values.joined()) } }

    // MARK: UpstreamAPI

    func credentialFingerprint() throws -> String? { state.withLockedValue { $0.fingerprint } }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        try await call.permit?()
        let answer = state.withLockedValue { state in
            state.asked.append(call)
            let left = state.answers[call.path] ?? []
            if left.count > 1 { state.answers[call.path]?.removeFirst() }
            return left.first
        }
        let scripted = try #require(answer, "nothing scripted for \(call.path)")
        return UpstreamResponse(status: 200, headers: [:], body: Array(try scripted.get().utf8))
    }

    // MARK: SyncContext

    var now: Timestamp { state.withLockedValue { $0.now } }

    func cells(of slice: SliceID) async throws -> [Cell] { [] }

    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample] {
        state.withLockedValue { $0.gauges[family] ?? [] }
    }

    func memory(_ name: String) async throws -> String? { state.withLockedValue { $0.memory[name] } }

    func commit(_ reading: Reading) async throws {
        state.withLockedValue { state in
            state.slices += reading.slices
            state.gauges.merge(reading.gauges) { $1 }
            for (name, value) in reading.memory { state.memory[name] = value }
        }
    }

    func remark(_ text: String) { state.withLockedValue { $0.remarks.append(text) } }

    func spend(from quota: Quota) async throws {
        try state.withLockedValue { state in
            guard state.places > 0 else { throw SyncPostponed(until: state.now + quota.pace) }
            state.places -= 1
        }
    }
}
