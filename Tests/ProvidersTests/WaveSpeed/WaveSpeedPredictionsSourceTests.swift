import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the durations of jobs.
@Suite struct WaveSpeedPredictionsSourceTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    private let world = JobsWorld()
    private let context = StoredVisit(now: now + .minutes(30), days: 2)

    private func sync() async throws {
        world.setTime(context.now)
        try await WaveSpeedPredictionsSource(api: world).sync(context)
    }

    /// The number of observations, and their sum.
    private func durations(_ model: String = "a") -> (count: ExactDecimal, seconds: ExactDecimal) {
        let isSum = { (labels: [String]) in labels[0] == model && labels[2] == LedgerFamily.durationSum }
        let isCount = { (labels: [String]) in labels[0] == model && labels[2] != LedgerFamily.durationSum }
        return (context.sum(.duration, isCount), context.sum(.duration, isSum))
    }

    @Test("durations are counted by model in their buckets, each job once over many syncs")
    func buckets() async throws {
        world.add(at: Self.now, milliseconds: "250")
        world.add(at: Self.now - .hours(3), milliseconds: "250.5")
        world.add(at: Self.now - .hours(40), milliseconds: "700000")
        world.add(at: Self.now, model: "b", milliseconds: "1000.25")
        for _ in 0..<3 {
            try await sync()
            context.advance(by: .minutes(5))
        }
        #expect(context.sum(.duration) { $0 == ["a", "", "0.25"] } == ExactDecimal(1))
        #expect(context.sum(.duration) { $0 == ["a", "", "0.5"] } == ExactDecimal(1))
        #expect(context.sum(.duration) { $0 == ["a", "", "+Inf"] } == ExactDecimal(1))
        #expect(durations().seconds == ExactDecimal("700.5005"))
        #expect(durations("b").seconds == ExactDecimal("1.00025"))
        #expect(context.remarks.isEmpty)
    }

    @Test("a job counts once it has finished, however late, also from an hour that has ended")
    func late() async throws {
        world.add(at: Self.now + .minutes(1), milliseconds: "5000", doneAfter: .hours(5))
        try await sync()
        #expect(durations().count.isZero)
        for _ in 0..<80 {
            context.advance(by: .minutes(5))
            try await sync()
        }
        #expect(durations().count == ExactDecimal(1))
        #expect(durations().seconds == ExactDecimal(5))
        // The hour is final now, so that a sync reads only the open hour.
        _ = world.takeQueries()
        context.advance(by: .minutes(5))
        try await sync()
        #expect(world.takeQueries().count <= 2)
    }

    @Test("failed jobs count with their duration; jobs without one, running ones and times beyond a day do not")
    func forms() async throws {
        world.add(at: Self.now, milliseconds: "900", status: "failed")
        world.add(at: Self.now, milliseconds: "0")
        world.add(at: Self.now, milliseconds: "null")
        world.add(at: Self.now, milliseconds: "\"fast\"")
        world.add(at: Self.now, milliseconds: "86400001")
        world.add(at: Self.now, milliseconds: "-5")
        world.add(at: Self.now, milliseconds: "800", status: "processing")
        try await sync()
        #expect(durations().count == ExactDecimal(1))
        #expect(durations().seconds == ExactDecimal("0.9"))
    }

    @Test("timings.inference is read where executionTime is missing")
    func inference() async throws {
        world.add(at: Self.now, milliseconds: "null", inference: "1500")
        try await sync()
        #expect(durations().seconds == ExactDecimal("1.5"))
    }

    @Test("a deleted job stays counted")
    func deleted() async throws {
        world.add(at: Self.now, milliseconds: "100")
        world.add(at: Self.now, milliseconds: "200")
        try await sync()
        world.removeFirst()
        world.add(at: Self.now + .minutes(5), milliseconds: "30000")
        try await sync()
        #expect(durations().count == ExactDecimal(3))
    }

    @Test("a first sync reads the hours of a day by one query, and an hour on the border counts once")
    func firstSync() async throws {
        world.add(at: Self.now - .hours(2), milliseconds: "1000")
        world.add(at: Self.now - .hours(2) - .milliseconds(1), milliseconds: "1000")
        world.add(at: Self.now.day.start, milliseconds: "1000")
        try await sync()
        // The open hour, the rest of today, and the two days before.
        #expect(world.takeQueries().count == 4)
        #expect(durations().count == ExactDecimal(3))
    }

    @Test("jobs older than the API keeps whole are not read, and an hour is never partial")
    func kept() async throws {
        let context = StoredVisit(now: Self.now + .minutes(30), days: 30)
        world.setTime(context.now)
        world.add(at: context.now - .days(7) + .minutes(1), milliseconds: "1000")
        world.add(at: context.now - .days(6), milliseconds: "1000")
        try await WaveSpeedPredictionsSource(api: world).sync(context)
        #expect(context.sum(.duration) { $0[2] == "1.0" } == ExactDecimal(1))
    }

    @Test("history of more pages than a sync may read is postponed and then complete, in each form of the list's end")
    func longHistory() async throws {
        for endsByTotal in [true, false] {
            let world = JobsWorld()
            let context = StoredVisit(now: Self.now + .minutes(30), days: 1)
            world.setTime(context.now)
            world.setEnd(byTotal: endsByTotal)
            for hour in 1..<20 {
                for _ in 0..<950 { world.add(at: Self.now - .hours(hour), milliseconds: "1000") }
            }
            let source = WaveSpeedPredictionsSource(api: world)
            await #expect(throws: SyncPostponed.self) { try await source.sync(context) }
            #expect(world.takeQueries().count <= WaveSpeedPredictionsSource.pagesPerSync)
            var syncs = 0
            while syncs < 10, context.sum(.duration, { $0[2] == "1.0" }) != ExactDecimal(19 * 950) {
                syncs += 1
                context.advance(by: .minutes(5))
                try? await source.sync(context)
            }
            #expect(context.sum(.duration) { $0[2] == "1.0" } == ExactDecimal(19 * 950))
            #expect(context.remarks.isEmpty)
        }
    }

    @Test("an hour of more jobs than a sync may read is skipped with a remark, and the others are read")
    func oversized() async throws {
        for _ in 0..<10_050 { world.add(at: Self.now - .hours(2), milliseconds: "1000") }
        for _ in 0..<50 { world.add(at: Self.now - .hours(30), milliseconds: "1000") }
        try? await sync()
        for _ in 0..<5 {
            context.advance(by: .minutes(5))
            try await sync()
        }
        #expect(durations().count == ExactDecimal(50))
        #expect(context.remarks.contains { $0.contains("more than 10000 jobs") })
    }

    @Test("a list that ignores the times is refused, and its figures stay")
    func strangers() async throws {
        world.add(at: Self.now, milliseconds: "1000")
        try await sync()
        world.add(at: Self.now - .days(3), milliseconds: "1000")
        world.setIgnoresTimes()
        context.advance(by: .minutes(5))
        await #expect(throws: SourceFailure.self) { try await sync() }
        #expect(durations().count == ExactDecimal(1))
    }

    @Test(
        "an account that never had the list has no series and no failure; jobs before the list are not counted later",
        arguments: [404, 410, 403])
    func missing(status: Int) async throws {
        world.add(at: Self.now, milliseconds: "1000")
        world.add(at: Self.now - .hours(5), milliseconds: "1000")
        world.fail(status)
        try await sync()
        #expect(context.sum(.duration).isZero)
        #expect(context.remarks.isEmpty == (status != 403))
        world.fail(nil)
        context.advance(by: .minutes(5))
        try await sync()
        #expect(durations().count == ExactDecimal(1))
        // Once it was read, a missing list is a failure.
        world.fail(status)
        context.advance(by: .minutes(5))
        await #expect(throws: (any Error).self) { try await sync() }
        #expect(durations().count == ExactDecimal(1))
    }

    @Test("any other failure before the list was read is a failure", arguments: [200, 400, 401, 429, 503])
    func outage(status: Int) async throws {
        world.fail(status)
        await #expect(throws: (any Error).self) { try await sync() }
    }

    @Test("hours that were read by a clock that ran ahead are read again")
    func clock() async throws {
        let ahead = StoredVisit(now: Self.now + .days(2), days: 4)
        try await WaveSpeedPredictionsSource(api: world).sync(ahead)
        ahead.advance(by: .zero - .days(2) + .minutes(30))
        world.add(at: Self.now, milliseconds: "1000")
        world.setTime(ahead.now)
        try await WaveSpeedPredictionsSource(api: world).sync(ahead)
        #expect(ahead.sum(.duration) { $0[2] == "1.0" } == ExactDecimal(1))
    }

    @Test("error texts of jobs are stored nowhere")
    func errorTexts() async throws {
        world.add(at: Self.now, milliseconds: "1000", status: "failed")
        try await sync()
        #expect(!(context.remarks + context.memories.values).contains { $0.contains("example.com") })
    }
}

/// The list of jobs of a simulated WaveSpeedAI account.
private final class JobsWorld: UpstreamAPI {
    private struct Job {
        let id: Int
        let time: Timestamp
        let model: String
        let milliseconds: String
        let inference: String
        let status: String
        let doneAt: Timestamp
    }

    private struct State {
        var now = Timestamp(milliseconds: 0)
        var jobs: [Job] = []
        var count = 0
        var endsByTotal = true
        var ignoresTimes = false
        var status: Int?
        var queries: [String] = []
    }

    private struct Query: Decodable {
        let created_after: String
        let created_before: String
        let page: Int
        let page_size: Int
    }

    private let state = NIOLockedValueBox(State())

    func setTime(_ now: Timestamp) { state.withLockedValue { $0.now = now } }

    func setEnd(byTotal: Bool) { state.withLockedValue { $0.endsByTotal = byTotal } }

    func setIgnoresTimes() { state.withLockedValue { $0.ignoresTimes = true } }

    func fail(_ status: Int?) { state.withLockedValue { $0.status = status } }

    func removeFirst() { state.withLockedValue { _ = $0.jobs.removeFirst() } }

    func add(
        at time: Timestamp, model: String = "a", milliseconds: String, inference: String = "null",
        status: String = "completed", doneAfter: Duration = .zero
    ) {
        state.withLockedValue { state in
            state.count += 1
            state.jobs.append(
                Job(
                    id: state.count, time: time, model: model, milliseconds: milliseconds, inference: inference,
                    status: status, doneAt: time + doneAfter))
        }
    }

    func takeQueries() -> [String] {
        state.withLockedValue { state in
            defer { state.queries = [] }
            return state.queries
        }
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let query = try JSONDecoder().decode(Query.self, from: Data(call.jsonBody ?? []))
        let text = try state.withLockedValue { state in
            state.queries.append("\(query.created_after) \(query.page)")
            if let status = state.status {
                if status == 200 { return #"{"code":200,"data":{"error":"person@example.com"}}"# }
                let reason: FailureReason =
                    switch status {
                    case 401, 403: .auth
                    case 429: .rateLimited
                    case 503: .http5xx
                    default: .http4xx
                    }
                throw UpstreamFailure(reason: reason, status: status, message: "failed")
            }
            return Self.page(query, state)
        }
        return UpstreamResponse(status: 200, headers: [:], body: Array(text.utf8))
    }

    private static func page(_ query: Query, _ state: State) -> String {
        let start = Timestamp(query.created_after) ?? Timestamp(milliseconds: 0)
        let end = Timestamp(query.created_before) ?? Timestamp(milliseconds: .max)
        let jobs = state.jobs.filter {
            $0.time <= state.now && (state.ignoresTimes || (start <= $0.time && $0.time <= end))
        }
        let rows = jobs.reversed().dropFirst((query.page - 1) * query.page_size).prefix(query.page_size).map { job in
            let status = job.doneAt <= state.now ? job.status : "processing"
            return #"{"id":"\#(job.id)","model":"\#(job.model)","status":"\#(status)","created_at":"\#(job.time)","#
                + #""executionTime":\#(job.milliseconds),"timings":{"inference":\#(job.inference)},"#
                + #""error":"person@example.com said no","inputs":{"prompt":"x"}}"#
        }
        let ending =
            state.endsByTotal
            ? "\"total\":\(jobs.count)" : "\"has_more\":\(query.page * query.page_size < jobs.count)"
        return "{\"code\":200,\"data\":{\"items\":[\(rows.joined(separator: ","))],\(ending)}}"
    }
}
