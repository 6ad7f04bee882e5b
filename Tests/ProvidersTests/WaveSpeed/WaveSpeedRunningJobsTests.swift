import Testing
import TestSupport
import UsageModel
import Upstream

@testable import Providers

/// Tests of `genai_pending_requests` from the list of jobs.
@Suite struct WaveSpeedRunningJobsTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    private let world = WaveSpeedWorld(now: now)
    private let context = StoredVisit(now: now)

    init() {
        world.charge("1", at: Self.now - .minutes(2), model: "a", count: 5, doneAfter: nil)
        world.charge("1", at: Self.now - .minutes(2), model: "b", count: 5)
    }

    private func sync() async throws {
        try await WaveSpeedUsageSource(api: world, outcomesByModel: true).sync(context)
    }

    private var pending: [GaugeSample]? { context.gauges[.pendingRequests] }

    /// Jobs `first..<last` of model `a`, as the API lists them.
    private static func jobs(_ range: Range<Int>, _ status: String) -> String {
        let rows = range.map {
            #"{"id":"\#(status)-\#($0)","model":"a","status":"\#(status)","error":"person@example.com said no"}"#
        }
        return #"{"page":1,"items":[\#(rows.joined(separator: ","))]}"#
    }

    private static let estimate = [GaugeSample(["a"], 5), GaugeSample(["b"], 0)]

    @Test("running jobs are counted by model, and a known model without jobs is 0")
    func counted() async throws {
        world.behave { $0.jobs = { status, _ in Self.jobs(0..<(status == "created" ? 1 : 2), status) } }
        try await sync()
        #expect(pending == [GaugeSample(["a"], 3), GaugeSample(["b"], 0)])
        try await sync()
        #expect(pending == [GaugeSample(["a"], 3), GaugeSample(["b"], 0)])
    }

    @Test("a job that moves between the two queries counts once, and jobs in other states do not count")
    func moved() async throws {
        world.behave { behaviour in
            behaviour.jobs = { status, _ in
                #"{"items":[{"id":"x","model":"a","status":"\#(status)"},{"id":"y","model":"a","status":"failed"}]}"#
            }
        }
        try await sync()
        #expect(pending == [GaugeSample(["a"], 1), GaugeSample(["b"], 0)])
    }

    @Test(
        "an account without the list, or a list that was never readable, keeps the estimate",
        arguments: [404, 403, 200])
    func missing(status: Int) async throws {
        if status == 403 {
            world.behave { $0.jobs = { _, _ in throw UpstreamFailure(reason: .auth, status: 403, message: "role") } }
        } else if status == 200 {
            world.behave { $0.jobs = { _, _ in "{}" } }
        }
        try await sync()
        #expect(pending == Self.estimate)
        #expect(context.remarks.isEmpty == (status == 404))
    }

    @Test("a list that fails after it was read fails the sync, and the last figure stays")
    func failing() async throws {
        world.behave { $0.jobs = { status, _ in Self.jobs(0..<1, status) } }
        try await sync()
        world.behave { $0.jobs = { _, _ in #"{"error":"x"}"# } }
        world.charge("2", at: Self.now - .minutes(1), model: "a")
        await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(pending == [GaugeSample(["a"], 2), GaugeSample(["b"], 0)])
        #expect(context.sum(.cost) == ExactDecimal(12))
        // An API that no longer has the list leaves the estimate.
        world.behave { $0.jobs = nil }
        try await sync()
        #expect(pending?.map(\.labels) == [["a"], ["b"]])
        #expect(pending?.first?.value ?? 0 >= 5)
    }

    @Test("more jobs than ten pages yield a remark and no figure")
    func tooMany() async throws {
        world.behave { $0.jobs = { status, page in Self.jobs((page * 100)..<(page * 100 + 100), status) } }
        try await sync()
        #expect(pending == [])
        #expect(context.remarks.contains { $0.contains("more than 1000 jobs") })
    }

    @Test("error texts of jobs appear in no label and no remark")
    func errorTexts() async throws {
        world.behave { $0.jobs = { status, _ in Self.jobs(0..<3, status) } }
        try await sync()
        let shown = context.gauges.values.joined().flatMap(\.labels) + context.remarks + context.memories.values
        #expect(!shown.contains { $0.contains("example.com") })
    }
}
