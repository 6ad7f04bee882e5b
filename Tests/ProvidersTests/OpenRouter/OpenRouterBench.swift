import Foundation
import NIOConcurrencyHelpers
import Testing
import UsageModel
import Upstream

@testable import Providers

/// An OpenRouter API with scripted responses, which records the requests.
final class OpenRouterBench: UpstreamAPI {
    /// A query of analytics, or any other request.
    struct Request: Sendable {
        let path: String
        let query: [String: String]
        var granularity = ""
        var range = Period(start: Timestamp(seconds: 0), end: Timestamp(seconds: 0))
        var isSplit = false
        var key: String?

        /// `hour 2026-11-02T13…2026-11-02T14`, with `total` for a query without dimensions and the hash of a filter.
        var text: String {
            guard !granularity.isEmpty else {
                let items = query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
                return items.isEmpty ? path : "\(path)?\(items)"
            }
            let kind = isSplit ? "" : "total "
            return "\(kind)\(granularity) \(range.start.description.prefix(13))…\(range.end.description.prefix(13))"
                + (key.map { " \($0)" } ?? "")
        }
    }

    private struct Body: Decodable {
        struct Range: Decodable {
            let start: String
            let end: String
        }

        struct Filter: Decodable {
            let field: String
            let `operator`: String
            let value: String
        }

        let metrics: [String]
        let dimensions: [String]
        let granularity: String
        let time_range: Range
        let filters: [Filter]?
        let limit: Int
    }

    private let sent = NIOLockedValueBox<[Request]>([])
    private let fingerprint = NIOLockedValueBox<String?>("one")
    private let respond: @Sendable (Request) throws -> String

    /// - Parameter respond: returns the response's body; requests for keys and workspaces have a default.
    init(_ respond: @escaping @Sendable (Request) throws -> String) {
        self.respond = respond
    }

    /// Returns the requests since the last call, without those for keys and workspaces.
    func takeQueries() -> [String] {
        takeRequests().filter { !$0.hasPrefix("/api/v1/keys") && !$0.hasPrefix("/api/v1/workspaces") }
    }

    func takeRequests() -> [String] {
        sent.withLockedValue { sent in
            defer { sent = [] }
            return sent.map(\.text)
        }
    }

    /// Returns the body of a response without recording the request.
    func body(of request: Request) throws -> String { try respond(request) }

    func rotate(to fingerprint: String) { self.fingerprint.withLockedValue { $0 = fingerprint } }

    func credentialFingerprint() throws -> String? { fingerprint.withLockedValue { $0 } }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let items = call.query.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1) }
        let query = Dictionary(items.map { (String($0[0]), String($0.count > 1 ? $0[1] : "")) }) { $1 }
        var request = Request(path: call.path, query: query)
        if let json = call.jsonBody {
            let body = try JSONDecoder().decode(Body.self, from: Data(json))
            #expect(body.limit == 10_000)
            #expect(
                Set(body.metrics) == [
                    "request_count", "tokens_prompt", "tokens_completion", "cached_tokens", "credits_usage",
                    "byok_usage",
                ])
            #expect(body.filters?.allSatisfy { $0.field == "api_key_id" && $0.operator == "eq" } ?? true)
            #expect([[], ["model", "api_key_id"]].contains(body.dimensions))
            request.granularity = body.granularity
            request.range = Period(
                start: try #require(Timestamp(body.time_range.start)), end: try #require(Timestamp(body.time_range.end))
            )
            request.isSplit = !body.dimensions.isEmpty
            request.key = body.filters?.first?.value
        }
        sent.withLockedValue { [request] in $0.append(request) }
        return UpstreamResponse(status: 200, headers: [:], body: Array(try respond(request).utf8))
    }
}

/// Returns a failure as the client reports it.
func openRouterFailure(_ status: Int) -> UpstreamFailure {
    let reason: FailureReason =
        switch status {
        case 401, 403: .auth
        case 408: .timeout
        case 410: .gone
        case 429: .rateLimited
        case 500...: .http5xx
        default: .http4xx
        }
    return UpstreamFailure(reason: reason, status: status, message: "HTTP \(status)")
}

/// A row of analytics, as the API writes it unless given otherwise.
func openRouterRow(
    _ time: Timestamp, _ key: String, _ model: String = "acme/demo-9", cost: String = "1", requests: Int = 1,
    day: Bool = false
) -> String {
    let text = time.description.replacing("T", with: " ").replacing("Z", with: "")
    return """
        {"date__\(day ? "day" : "hour")":"\(text)","api_key_id":"\(key)","model":"\(model)",\
        "request_count":"\(requests)","tokens_prompt":"100","tokens_completion":"10","cached_tokens":"40",\
        "credits_usage":\(cost),"byok_usage":0}
        """
}

/// A response of analytics; `truncated` is left out if nil.
func openRouterBody(_ rows: [String], truncated: Bool? = false, more: String = "") -> String {
    let metadata = truncated.map {
        ",\"metadata\":{\"query_time_ms\":1,\"row_count\":\(rows.count),\"truncated\":\($0)}"
    }
    return "{\"data\":{\"data\":[\(rows.joined(separator: ","))]\(metadata ?? "")\(more)}}"
}

func openRouterKeys(_ names: [(hash: String, name: String)]) -> String {
    let keys = names.map { "{\"hash\":\"\($0.hash)\",\"name\":\"\($0.name)\",\"usage\":5}" }
    return "{\"data\":[\(keys.joined(separator: ","))]}"
}

extension SyncContext {
    /// Runs a sync of `analytics` and returns its failure.
    @discardableResult
    func sync(_ api: OpenRouterBench) async -> (any ReasonedFailure)? {
        do {
            try await OpenRouterAnalyticsSource(api: api).sync(self)
            return nil
        } catch let failure as any ReasonedFailure {
            return failure
        } catch {
            Issue.record(error)
            return nil
        }
    }
}

/// An account with rows by hour, with consistent responses to all queries, and faults.
final class OpenRouterWorld: Sendable {
    struct Row: Sendable {
        let hour: Timestamp
        var key: String
        var model = "acme/demo-9"
        var cost: String
        var requests = 1
        /// The hash that a filter finds the row by.
        var hash: String?
    }

    struct State: Sendable {
        var rows: [Row] = []
        var keys: [(hash: String, name: String)] = [("aa", "a"), ("bb", "b")]
        var mostRows = 10_000
        var saysTruncated = true
        var mostHours: Int?
        var hoursSince: Timestamp?
        var status: [String: Int] = [:]
        var activity: @Sendable (OpenRouterBench.Request) -> String = { _ in "{\"data\":[]}" }
        var totalUsage = ExactDecimal.zero
        /// Keys whose rows are left out of split responses.
        var hiddenKeys: Set<String> = []
        var hidesTotals = false
        var refusesTotals = false
        /// Whether queries over more than `mostHours` have no response at all, instead of 408.
        var hangs = false
    }

    private let state = NIOLockedValueBox(State())

    func change(_ change: (inout State) -> Void) { state.withLockedValue { change(&$0) } }

    func add(_ hour: Timestamp, _ key: String, cost: String, model: String = "acme/demo-9", hash: String? = nil) {
        change { $0.rows.append(Row(hour: hour, key: key, model: model, cost: cost, hash: hash)) }
    }

    var api: OpenRouterBench {
        OpenRouterBench { [state] request in try Self.respond(request, state.withLockedValue { $0 }) }
    }

    private static func respond(_ request: OpenRouterBench.Request, _ state: State) throws -> String {
        if let status = state.status[request.path] { throw openRouterFailure(status) }
        switch request.path {
        case "/api/v1/keys": return openRouterKeys(state.keys)
        case "/api/v1/workspaces": return "{\"data\":[],\"total_count\":0}"
        case "/api/v1/credits": return "{\"data\":{\"total_credits\":100,\"total_usage\":\(state.totalUsage)}}"
        case "/api/v1/activity": return state.activity(request)
        default: break
        }
        let isHourly = request.granularity == "hour"
        if isHourly, let since = state.hoursSince, request.range.start < since { throw openRouterFailure(400) }
        if let most = state.mostHours, request.isSplit, request.range.end - request.range.start > .hours(most) {
            throw state.hangs ? UpstreamFailure(reason: .timeout, message: "no response") : openRouterFailure(408)
        }
        if state.refusesTotals, !request.isSplit { throw openRouterFailure(400) }
        var sums: [String: (time: Timestamp, row: Row, cost: ExactDecimal, requests: Int)] = [:]
        for row in state.rows where request.range.contains(row.hour) && (request.key == nil || request.key == row.hash)
        {
            if state.hidesTotals, !request.isSplit { continue }
            if state.hiddenKeys.contains(row.key), request.isSplit { continue }
            let time = isHourly ? row.hour : row.hour.day.start
            let id = request.isSplit ? "\(time) \(row.key) \(row.model)" : "\(time)"
            var sum = sums[id] ?? (time, row, .zero, 0)
            sum.cost += ExactDecimal(row.cost) ?? .zero
            sum.requests += row.requests
            sums[id] = sum
        }
        let rows = sums.sorted { $0.key < $1.key }.map { _, sum in
            openRouterRow(
                sum.time, request.isSplit ? sum.row.key : "", request.isSplit ? sum.row.model : "",
                cost: sum.cost.description, requests: sum.requests, day: !isHourly)
        }
        let listed = request.isSplit ? Array(rows.prefix(state.mostRows)) : rows
        return openRouterBody(listed, truncated: state.saysTruncated ? listed.count < rows.count : nil)
    }
}
