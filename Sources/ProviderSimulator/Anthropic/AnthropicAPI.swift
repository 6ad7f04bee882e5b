import NIOConcurrencyHelpers
import UsageModel

/// A key of a simulated Anthropic organization, as `api_keys` lists it.
package struct AnthropicKey: Sendable, Hashable {
    package let id: String
    /// Nil for a key without a name.
    package var name: String?
    package var status = "active"
    package var created: Timestamp
    package var expires: Timestamp?

    package init(id: String, name: String?, created: Timestamp) {
        self.id = id
        self.name = name
        self.created = created
    }
}

/// A simulated Anthropic organization.
package struct AnthropicAccount: Sendable {
    /// The name in tests and in the request log.
    package let name: String
    package let token: String
    /// An event's tokens follow from its number (``AnthropicTokens``), its key from `usedKeys`.
    package let store: UsageEventStore
    package var keys: [AnthropicKey] = []
    /// The ids of the keys that the events use in turn; nil for the playground.
    package var usedKeys: [String?] = [nil]
    /// The same for the events of single models.
    package var usedKeysByModel: [String: [String?]] = [:]
    /// Limits by group of models; a group without models has none.
    package var limits: [(models: [String]?, values: [String: Int])] = []
    package let conditions = AnthropicConditions()

    package init(name: String, token: String, store: UsageEventStore) {
        self.name = name
        self.token = token
        self.store = store
    }

    /// The key of an event; nil for the playground.
    package func keyID(ofEvent number: Int, model: String) -> String? {
        let used = usedKeysByModel[model] ?? usedKeys
        return used.isEmpty ? nil : used[number % used.count]
    }
}

/// The tokens of a simulated request, which follow from its number.
package struct AnthropicTokens: Sendable, Hashable {
    package private(set) var input = 0
    package private(set) var cached = 0
    package private(set) var written5m = 0
    package private(set) var written1h = 0
    package private(set) var output = 0

    package init() {}

    package init(ofEvent number: Int) {
        input = 400 + number % 97 * 11
        cached = number % 3 * 900
        written5m = number % 4 * 130
        written1h = number % 5 == 0 ? 70 : 0
        output = 60 + number % 53 * 7
    }

    mutating func add(_ other: AnthropicTokens) {
        input += other.input
        cached += other.cached
        written5m += other.written5m
        written1h += other.written1h
        output += other.output
    }
}

/// The state of a simulated API that tests change.
package final class AnthropicConditions: Sendable {
    package struct Values: Sendable {
        /// The status with which the newer API refuses every request; nil if the organization has it.
        package var analyticsStatus: Int?
        /// The distance between two refreshes of the figures; zero for figures up to now.
        package var refreshInterval = Duration.zero
        /// The time of the last refresh, in place of the one by `refreshInterval`.
        package var refreshedAt: Timestamp?
        /// Whether responses say when the figures were refreshed.
        package var tellsRefresh = true
        /// The number of requests for further pages that the next ones are refused with 410, as after a refresh.
        package var expiredCursors = 0
        /// The most rows of a page.
        package var longestPage = 1000
        /// The end of each model's name in the older API; empty if both APIs call models the same.
        package var olderModelSuffix = ""
        /// Whether every fifth request is a web search, which the older API lists without its model.
        package var separatesSearches = false
        /// Changes the rows of the newer API; for deviations.
        package var change: (@Sendable ([JSONValue], APIRequest) -> [JSONValue])?

        package init() {}
    }

    private let values = NIOLockedValueBox(Values())

    init() {}

    package var current: Values {
        get { values.withLockedValue { $0 } }
        set { values.withLockedValue { $0 = newValue } }
    }

    /// Whether a request for a further page is refused.
    func takeExpiredCursor() -> Bool {
        values.withLockedValue { values in
            guard values.expiredCursors > 0 else { return false }
            values.expiredCursors -= 1
            return true
        }
    }
}

/// The Anthropic API: the Usage and Cost Analytics API, the older Usage and Cost Admin API, the keys and the rate limits.
package struct AnthropicAPI: SimulatedProvider {
    package let name = "anthropic"

    private let accounts: [AnthropicAccount]

    package init(accounts: [AnthropicAccount]) {
        self.accounts = accounts
    }

    package func account(ofToken token: String) -> String? { accounts.first { $0.token == token }?.name }

    /// The documented response; 401 without a known key, 400 without a version, 404 for any other path or method.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard let account = accounts.first(where: { $0.name == request.account }) else {
            return error(401, "invalid x-api-key")
        }
        guard request.headers["anthropic-version"] == "2023-06-01" else {
            return error(400, "anthropic-version: header is required")
        }
        let reports = AnthropicReports(account: account, request: request)
        switch (request.method, request.endpoint) {
        case ("GET", "/v1/organizations/analytics/cost"): return result(of: { try reports.analytics(isCost: true) })
        case ("GET", "/v1/organizations/analytics/usage"): return result(of: { try reports.analytics(isCost: false) })
        case ("GET", "/v1/organizations/cost_report"): return result(of: { try reports.costReport() })
        case ("GET", "/v1/organizations/usage_report/messages"): return result(of: { try reports.usageReport() })
        case ("GET", "/v1/organizations/api_keys"): return SimulatedResponse(body: keys(of: account, request, style))
        case ("GET", "/v1/organizations/rate_limits"): return SimulatedResponse(body: limits(of: account))
        default: return error(404, "not found")
        }
    }

    /// `{"type": "error", "error": {"type": "…", "message": "…"}, "request_id": null}`.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(
            status: status,
            body: [
                "type": "error", "error": ["type": "invalid_request_error", "message": .string(message)],
                "request_id": .null,
            ])
    }

    private func result(of answer: () throws -> JSONValue) -> SimulatedResponse {
        do {
            return SimulatedResponse(body: try answer())
        } catch let refusal as AnthropicRefusal {
            return error(refusal.status, refusal.message)
        } catch {
            return self.error(500, "internal error")
        }
    }

    private func keys(of account: AnthropicAccount, _ request: APIRequest, _ style: AnswerStyle) -> JSONValue {
        let size = request.query["limit"].flatMap { Int($0) } ?? 20
        let start =
            request.query["after_id"].flatMap { id in account.keys.firstIndex { $0.id == id } }.map { $0 + 1 } ?? 0
        let page = account.keys.dropFirst(start).prefix(min(size, account.conditions.current.longestPage))
        return [
            "data": .array(
                page.map { key in
                    var members: [JSONValue.Member] = [
                        .init("id", .string(key.id)), .init("name", key.name.map(JSONValue.string) ?? .null),
                        .init("status", .string(key.status)), .init("created_at", .string("\(key.created)")),
                        .init("expires_at", key.expires.map { .string("\($0)") } ?? .null),
                    ]
                    if !style.contains(.withoutOptionalFields) {
                        members.append(.init("partial_key_hint", .string("sk-ant-api03-demo...\(key.id.suffix(4))")))
                        members.append(.init("scope", "workspace"))
                        members.append(.init("workspace_id", .null))
                    }
                    return .object(members)
                }),
            "first_id": page.first.map { .string($0.id) } ?? .null,
            "last_id": page.last.map { .string($0.id) } ?? .null,
            "has_more": .bool(page.endIndex < account.keys.endIndex),
        ]
    }

    private func limits(of account: AnthropicAccount) -> JSONValue {
        let groups = account.limits.map { group -> JSONValue in
            [
                "type": "rate_limit",
                "group": ["type": "model_group", "display_name": .string(group.models?.first ?? "Batches")],
                "models": group.models.map { .array($0.map(JSONValue.string)) } ?? .null,
                "limits": .array(
                    group.values.sorted { $0.key < $1.key }.map {
                        ["type": .string($0.key), "value": .count($0.value)]
                    }),
            ]
        }
        return ["data": .array(groups), "next_page": .null]
    }
}

/// A request that the API refuses.
struct AnthropicRefusal: Error {
    let status: Int
    let message: String
}
