import Foundation
import NIOConcurrencyHelpers
import UsageModel
import Upstream

@testable import Providers

/// A simulated WaveSpeedAI account behind `usage_stats`. Tests charge it and inject faults.
final class WaveSpeedWorld: UpstreamAPI {
    /// A request: charged at once, and successful from `doneAt`.
    struct Job {
        let time: Timestamp
        let model: String
        let cost: ExactDecimal
        let doneAt: Timestamp?
    }

    /// The injected faults.
    struct Behaviour {
        /// Days for which a query of a single day returns an error object.
        var broken: Set<UTCDay> = []
        /// Days for which a query of a single day returns 503.
        var down: Set<UTCDay> = []
        /// Whether ranges of several days have no `daily_usage`.
        var hidesDays = false
        /// Whether dates are written as timestamps.
        var writesTimestamps = false
        /// Whether models have no `total_count`.
        var hidesCounts = false
        /// Whether a query of one model lists all of them.
        var ignoresModel = false
        /// Number of decimals to which sums are rounded.
        var digits: Int?
        /// The text that replaces `data`.
        var data: String?
        /// Returns `data` of the running jobs in a state, or fails; without it the API has no list of jobs.
        var jobs: (@Sendable (_ state: String, _ page: Int) throws -> String)?
    }

    private struct State {
        var now: Timestamp
        var jobs: [Job] = []
        var behaviour = Behaviour()
        var queries: [String] = []
    }

    private struct Query: Decodable {
        let start_time: String
        let end_time: String
        let model_uuid: String?
    }

    private struct JobsQuery: Decodable {
        let status: String
        let page: Int
    }

    private let state: NIOLockedValueBox<State>

    init(now: Timestamp) {
        state = NIOLockedValueBox(State(now: now))
    }

    func behave(_ change: (inout Behaviour) -> Void) { state.withLockedValue { change(&$0.behaviour) } }

    func advance(by duration: Duration) { state.withLockedValue { $0.now = $0.now + duration } }

    /// - Parameter doneAfter: the time until the job succeeds; nil if it never does.
    func charge(
        _ cost: String, at time: Timestamp, model: String = "m", count: Int = 1, doneAfter: Duration? = .zero
    ) {
        let job = Job(
            time: time, model: model, cost: ExactDecimal(cost) ?? .zero, doneAt: doneAfter.map { time + $0 })
        state.withLockedValue { $0.jobs += Array(repeating: job, count: count) }
    }

    /// Returns the queries since the last call: `first…last model`.
    func takeQueries() -> [String] {
        state.withLockedValue { state in
            defer { state.queries = [] }
            return state.queries
        }
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        guard let body = call.jsonBody else {
            let data = state.withLockedValue { $0.behaviour.data } ?? #"{"balance":5}"#
            return UpstreamResponse(status: 200, headers: [:], body: Array("{\"code\":200,\"data\":\(data)}".utf8))
        }
        if call.path.hasSuffix("/predictions") {
            let query = try JSONDecoder().decode(JobsQuery.self, from: Data(body))
            guard let jobs = state.withLockedValue({ $0.behaviour.jobs }) else {
                throw UpstreamFailure(reason: .http4xx, status: 404, message: "not found")
            }
            let text = "{\"code\":200,\"data\":\(try jobs(query.status, query.page))}"
            return UpstreamResponse(status: 200, headers: [:], body: Array(text.utf8))
        }
        let query = try JSONDecoder().decode(Query.self, from: Data(body))
        let text = try state.withLockedValue { state in
            let (first, last) = (query.start_time.prefix(10), query.end_time.prefix(10))
            state.queries.append("\(first)…\(last)" + (query.model_uuid.map { " \($0)" } ?? ""))
            return try Self.answer(query, state)
        }
        return UpstreamResponse(status: 200, headers: [:], body: Array(text.utf8))
    }

    private static func answer(_ query: Query, _ state: State) throws -> String {
        let behaviour = state.behaviour
        guard let start = Timestamp(query.start_time), let end = Timestamp(query.end_time) else {
            throw UpstreamFailure(reason: .http4xx, status: 400, message: "bad range")
        }
        if let data = behaviour.data { return "{\"code\":200,\"data\":\(data)}" }
        let isDay = start.day == end.day
        if isDay, behaviour.broken.contains(start.day) { return #"{"code":200,"data":{"per_model_usage":[{}]}}"# }
        if isDay, behaviour.down.contains(start.day) {
            throw UpstreamFailure(reason: .http5xx, status: 503, message: "down")
        }
        let model = behaviour.ignoresModel ? nil : query.model_uuid
        // The end is taken literally.
        let jobs = state.jobs.filter {
            $0.time >= start && $0.time <= end && $0.time <= state.now && (model == nil || $0.model == model)
        }
        func sum(_ jobs: [Job]) -> String {
            let exact = jobs.reduce(ExactDecimal.zero) { $0 + $1.cost }
            guard let digits = behaviour.digits else { return exact.description }
            return String(format: "%.\(digits)f", exact.doubleValue)
        }
        let models = Dictionary(grouping: jobs, by: \.model).map { model, jobs in
            #"{"model_uuid":"\#(model)","total_cost":\#(sum(jobs))"#
                + (behaviour.hidesCounts ? "}" : #","total_count":\#(jobs.count)}"#)
        }
        let days = Dictionary(grouping: jobs, by: \.time.day).map { day, jobs in
            let date = behaviour.writesTimestamps ? "\(day)T00:00:00Z" : "\(day)"
            let models = Dictionary(grouping: jobs, by: \.model).map {
                #"{"model_uuid":"\#($0)","amount":\#(sum($1)),"count":\#($1.count)}"#
            }
            return #"{"date":"\#(date)","amount":\#(sum(jobs)),"count":\#(jobs.count),"#
                + #""models":[\#(models.joined(separator: ","))]}"#
        }
        let successes = jobs.count { $0.doneAt.map { $0 <= state.now } ?? false }
        let daily = behaviour.hidesDays && !isDay ? "" : "\"daily_usage\":[\(days.joined(separator: ","))],"
        return """
            {"code":200,"data":{"per_model_usage":[\(models.joined(separator: ","))],\(daily)
            "summary":{"total_cost":\(sum(jobs)),"total_requests":\(jobs.count),"success_requests":\(successes)}}}
            """
    }
}
