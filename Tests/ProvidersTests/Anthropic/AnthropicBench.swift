import NIOConcurrencyHelpers
import Testing
import UsageModel
import Upstream

@testable import Providers

/// An API whose responses depend on the call; it records the calls.
final class ScriptedAnthropic: UpstreamAPI {
    private let calls = NIOLockedValueBox<[UpstreamCall]>([])
    private let respond: @Sendable (UpstreamCall, Int) throws -> String

    /// - Parameter respond: returns the body, given the number of earlier calls.
    init(_ respond: @escaping @Sendable (UpstreamCall, Int) throws -> String) {
        self.respond = respond
    }

    /// Returns the calls since the last call of this method.
    func takeCalls() -> [UpstreamCall] {
        calls.withLockedValue { calls in
            defer { calls = [] }
            return calls
        }
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let number = calls.withLockedValue { calls in
            calls.append(call)
            return calls.count - 1
        }
        return UpstreamResponse(status: 200, headers: [:], body: Array(try respond(call, number).utf8))
    }
}

extension UpstreamCall {
    /// The values of a parameter, in order.
    func values(_ name: String) -> [String] {
        let encoded = name.replacing("[]", with: "%5B%5D")
        var values: [String] = []
        for item in query.split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1)
            guard parts.first == encoded[...] else { continue }
            values.append(parts.count > 1 ? String(parts[1]).replacing("%3A", with: ":") : "")
        }
        return values
    }

    var isGrouped: Bool { !values("group_by[]").isEmpty }

    var isKeyList: Bool { path == "/v1/organizations/api_keys" }
}

func anthropicFailure(_ status: Int) -> UpstreamFailure {
    let reason: FailureReason = [401, 403].contains(status) ? .auth : status == 410 ? .gone : .http4xx
    return UpstreamFailure(reason: reason, status: status, message: "HTTP \(status)")
}

/// 2026-11-20T15:00:00Z, a Friday.
let anthropicNow = Timestamp(milliseconds: 1_795_186_800_000)

/// A row of the analytics for cost on a day of November 2026.
func costRow(
    _ day: Int, key: String? = nil, model: String? = nil, cents: String, currency: String = "\"USD\""
) -> String {
    analyticsRow(
        day, key, model, #""cost":{"amount":\#(cents),"currency":\#(currency),"list_amount":"9","requests":1}"#)
}

/// A row of the analytics for usage on a day of November 2026.
func usageRow(_ day: Int, key: String? = nil, model: String? = nil, _ usage: String) -> String {
    analyticsRow(day, key, model, #""usage":{\#(usage)}"#)
}

private func analyticsRow(_ day: Int, _ key: String?, _ model: String?, _ figures: String) -> String {
    func quoted(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }
    return """
        {"starting_at":"2026-11-\(two(day))T00:00:00Z","ending_at":"2026-11-\(two(day + 1))T00:00:00Z",
        "group":{"api_key_id":\(quoted(key)),"model":\(quoted(model)),"product":null},\(figures)}
        """
}

func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

/// A page of the analytics.
func analyticsPage(_ rows: [String], refreshed: String? = nil, next: String? = nil) -> String {
    let refreshed = refreshed.map { "\"\($0)\"" } ?? "null"
    let next = next.map { "\"\($0)\"" } ?? "null"
    return """
        {"data":[\(rows.joined(separator: ","))],"data_refreshed_at":\(refreshed),"has_more":\(next != "null"),
        "next_page":\(next),"organization_id":"org"}
        """
}

/// A page of the older API with one bucket.
func bucket(_ day: Int, _ results: [String]) -> String { reportsPage([(day, results)]) }

/// A page of the older API with buckets of days of November 2026.
func reportsPage(_ buckets: [(day: Int, results: [String])]) -> String {
    let data = buckets.map { day, results in
        """
        {"starting_at":"2026-11-\(two(day))T00:00:00Z","ending_at":"2026-11-\(two(day + 1))T00:00:00Z",
        "results":[\(results.joined(separator: ","))]}
        """
    }
    return #"{"data":[\#(data.joined(separator: ","))],"has_more":false,"next_page":null}"#
}

let noKeys = #"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#

extension ExactDecimal: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int) { self.init(value) }
}
