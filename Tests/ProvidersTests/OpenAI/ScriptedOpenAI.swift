import NIOConcurrencyHelpers
import UsageModel
import Upstream

@testable import Providers

/// An organization whose rows tests write as JSON.
final class ScriptedOpenAI: UpstreamAPI {
    /// A row of `costs`; `value` is a JSON literal.
    struct Cost {
        var key: String?
        var item: String?
        var value: String
        var currency = "usd"

        fileprivate var json: String {
            """
            {"object":"organization.costs.result","amount":{"value":\(value),"currency":"\(currency)"},\
            "line_item":\(quoted(item)),"project_id":null,"api_key_id":\(quoted(key)),"quantity":null}
            """
        }
    }

    struct State {
        var now: Timestamp
        var costs: [UTCDay: [Cost]] = [:]
        /// JSON literals of the totals that are not the sums of the rows.
        var totals: [UTCDay: String] = [:]
        /// Rows by the last part of the path and day.
        var usage: [String: [UTCDay: [String]]] = [:]
        /// Ids and names of keys by project.
        var keys: [String: [(id: String, name: String?)]] = [:]
        /// Statuses of failures by path.
        var failures: [String: Int] = [:]
        /// The path of days that are not listed.
        var hidden: [UTCDay: String] = [:]
        /// Replaces a response.
        var override: (@Sendable (_ path: String, _ query: String) throws -> String?)?
        fileprivate var requests: [String] = []
    }

    private let state: NIOLockedValueBox<State>

    init(now: Timestamp) { state = NIOLockedValueBox(State(now: now)) }

    func change(_ body: (inout State) -> Void) { state.withLockedValue { body(&$0) } }

    /// Returns the requests since the last call: path below the organization, and query.
    func takeRequests() -> [String] {
        state.withLockedValue { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let text = try state.withLockedValue { state in
            let path = call.path.replacing("/v1/organization/", with: "", maxReplacements: 1)
            let query = call.query.replacing("%5B%5D", with: "[]")
            state.requests.append(query.isEmpty ? path : "\(path)?\(query)")
            if let status = state.failures[path] { throw Self.failure(status) }
            if let text = try state.override?(path, query) { return text }
            return try Self.response(path, query, state)
        }
        return UpstreamResponse(status: 200, headers: [:], body: Array(text.utf8))
    }

    static func failure(_ status: Int) -> UpstreamFailure {
        let reason: FailureReason
        switch status {
        case 401, 403: reason = .auth
        case 410: reason = .gone
        case 500...: reason = .http5xx
        default: reason = .http4xx
        }
        return UpstreamFailure(reason: reason, status: status, message: "HTTP \(status)")
    }

    private static func response(_ path: String, _ query: String, _ state: State) throws -> String {
        if path == "costs" || path.hasPrefix("usage/") { return page(path, query, state) }
        if path == "projects" {
            return list(state.keys.keys.sorted().map { #"{"id":"\#($0)","name":null,"status":"active"}"# })
        }
        let parts = path.split(separator: "/")
        guard parts.count == 3, parts[2] == "api_keys", let keys = state.keys[String(parts[1])] else {
            throw failure(404)
        }
        return list(
            keys.map {
                """
                {"object":"organization.project.api_key","id":"\($0.id)","name":\(quoted($0.name)),\
                "redacted_value":"sk-abc...xyz","created_at":1793577600,"last_used_at":null,\
                "owner":{"type":"user","user":{"id":"user_1","email":"someone@example.com"}}}
                """
            })
    }

    static func list(_ entries: [String]) -> String {
        #"{"object":"list","data":[\#(entries.joined(separator: ","))],"first_id":null,"last_id":null,"has_more":false}"#
    }

    private static func page(_ path: String, _ query: String, _ state: State) -> String {
        let items = query.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        func value(_ name: String) -> Int64? { items.first { $0[0] == name }.flatMap { Int64($0[1]) } }
        let first = Timestamp(seconds: value("start_time") ?? 0).day
        let last = value("end_time").map { Timestamp(seconds: $0).day.advanced(by: -1) } ?? state.now.day
        let isGrouped = query.contains("group_by")
        let buckets = stride(from: first, through: last, by: 1).filter { state.hidden[$0] != path }.map { day in
            var rows = state.usage[String(path.dropFirst(6))]?[day] ?? []
            if path == "costs" {
                let costs = state.costs[day] ?? []
                rows = isGrouped || costs.isEmpty ? costs.map(\.json) : [Cost(value: total(costs)).json]
                if !isGrouped, let total = state.totals[day] { rows = [Cost(value: total).json] }
            }
            return bucket(day, rows)
        }
        return page(buckets)
    }

    private static func total(_ costs: [Cost]) -> String {
        costs.reduce(ExactDecimal.zero) {
            $0 + (ExactDecimal($1.value.trimmingPrefix("\"").replacing("\"", with: "")) ?? .zero)
        }.description
    }

    static func bucket(_ day: UTCDay, _ rows: [String], name: String = "results") -> String {
        #"{"object":"bucket","start_time":\#(day.start.milliseconds / 1000),"end_time":"#
            + #"\#(day.period.end.milliseconds / 1000),"\#(name)":[\#(rows.joined(separator: ","))]}"#
    }

    static func page(_ buckets: [String], next: String? = nil) -> String {
        #"{"object":"page","data":[\#(buckets.joined(separator: ","))],"has_more":\#(next != nil),"#
            + #""next_page":\#(quoted(next))}"#
    }

    /// A row of `usage`.
    static func usage(_ key: String?, _ model: String?, _ requests: Int, _ others: String = "") -> String {
        """
        {"object":"organization.usage.result","num_model_requests":\(requests),"project_id":null,"user_id":null,\
        "api_key_id":\(quoted(key)),"model":\(quoted(model))\(others.isEmpty ? "" : ",")\(others)}
        """
    }
}

private func quoted(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }
