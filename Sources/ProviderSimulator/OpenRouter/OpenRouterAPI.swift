import UsageModel

/// An account at the simulated OpenRouter.
package struct OpenRouterAccount: Sendable {
    /// The name in tests and in the request log.
    package let name: String
    package let managementToken: String
    package let store: OpenRouterStore
    package var quirks = OpenRouterQuirks()

    package static let defaultWorkspace = "00000000-0000-4000-8000-000000000001"

    package init(name: String, managementToken: String, store: OpenRouterStore) {
        self.name = name
        self.managementToken = managementToken
        self.store = store
    }
}

/// Ways in which the simulated OpenRouter differs from its documented examples; none unless set.
package struct OpenRouterQuirks: Sendable, Hashable {
    /// Whether `analytics/query` exists.
    package var hasAnalytics = true
    /// The most rows of a response that is split by key and model; more are cut off.
    package var mostRows = 10_000
    /// Whether responses have no `metadata`.
    package var omitsMetadata = false
    /// Hours that begin earlier than this long ago are refused with 400.
    package var hoursKept: Duration?
    /// Queries of more hours than this time out with 408.
    package var mostHours: Int?
    /// Whether counts are numbers and money is text, and not the other way round.
    package var writesTextMoney = false
    /// The form of `date__hour` and `date__day`: with a space, RFC 3339, or a date where it is midnight.
    package var timeForm = TimeForm.space
    /// Whether a key that is no longer listed has an empty name, and not its hash.
    package var namesDeletedKeys = true
    /// Whether rows split by key and model leave the web chat out.
    package var hidesWebChat = false
    /// Whether rows split by key and model leave keys out that are no longer listed.
    package var hidesDeletedKeys = false

    package enum TimeForm: Sendable, Hashable, CaseIterable {
        case space, rfc3339, shortest
    }

    package init() {}
}

/// The OpenRouter API: `POST /api/v1/analytics/query`, `GET /api/v1/activity`, `/credits`, `/keys`, `/workspaces` and `/key`
/// as described in the vendor's OpenAPI document.
package struct OpenRouterAPI: SimulatedProvider {
    package let name = "openrouter"

    private let accounts: [OpenRouterAccount]

    package init(accounts: [OpenRouterAccount]) {
        self.accounts = accounts
    }

    /// The account's name for a management key, `account/hash` for an inference key.
    package func account(ofToken token: String) -> String? {
        for account in accounts {
            if account.managementToken == token { return account.name }
            if let key = account.store.keys.first(where: { $0.token == token }) { return "\(account.name)/\(key.hash)" }
        }
        return nil
    }

    /// The documented response; 401 without a known key, 403 for an inference key that reads more than itself, 404 for any
    /// other path or method.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard let caller = request.account else { return error(401, "Missing Authentication header") }
        if request.method == "GET", request.endpoint == "/api/v1/key" {
            return key(of: caller, style, at: request.time)
        }
        guard let account = accounts.first(where: { $0.name == caller }) else {
            return error(403, "Only management keys can perform this operation")
        }
        switch (request.method, request.endpoint) {
        case ("POST", "/api/v1/analytics/query") where account.quirks.hasAnalytics:
            return OpenRouterReports(account, style, now: request.time).analytics(request.body)
        case ("GET", "/api/v1/activity"):
            return OpenRouterReports(account, style, now: request.time).activity(request.query)
        case ("GET", "/api/v1/credits"):
            let store = account.store
            return success(["total_credits": .number(store.paidIn), "total_usage": .number(store.lifetime())])
        case ("GET", "/api/v1/keys"):
            let workspace = request.query["workspace_id"] ?? OpenRouterAccount.defaultWorkspace
            let keys = account.store.keys.filter {
                $0.workspace == workspace && (!$0.isDisabled || request.query["include_disabled"] == "true")
            }
            let page = keys.dropFirst(request.query["offset"].flatMap { Int($0) } ?? 0).prefix(100)
            return success(.array(page.map { listed($0, account.store, style, at: request.time) }))
        case ("GET", "/api/v1/workspaces"):
            let ids = Set(account.store.keys.map(\.workspace)).union([OpenRouterAccount.defaultWorkspace]).sorted()
            let offset = request.query["offset"].flatMap { Int($0) } ?? 0
            let page = ids.dropFirst(offset).prefix(request.query["limit"].flatMap { Int($0) } ?? 50)
            return SimulatedResponse(body: [
                "data": .array(page.map { ["id": .string($0), "name": .string("workspace \($0.suffix(1))")] }),
                "total_count": .count(ids.count),
            ])
        default:
            return error(404, "Not Found")
        }
    }

    /// `{"error": {"code": 400, "message": "…"}}`.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        OpenRouterReports.error(status, message)
    }

    private func success(_ data: JSONValue) -> SimulatedResponse { SimulatedResponse(body: ["data": data]) }

    private func key(of caller: String, _ style: AnswerStyle, at now: Timestamp) -> SimulatedResponse {
        for account in accounts {
            for key in account.store.keys where "\(account.name)/\(key.hash)" == caller {
                guard !key.isDisabled else { return error(401, "User not found") }
                return success(
                    .object(totals(of: key, account.store, style, at: now) + [.init("is_free_tier", .bool(false))]))
            }
        }
        return error(401, "No API key")
    }

    private func listed(
        _ key: OpenRouterKey, _ store: OpenRouterStore, _ style: AnswerStyle, at now: Timestamp
    ) -> JSONValue {
        var members: [JSONValue.Member] = [.init("hash", .string(key.hash)), .init("name", .string(key.name))]
        members += totals(of: key, store, style, at: now)
        guard !style.contains(.withoutOptionalFields) else { return .object(members) }
        return .object(
            members + [
                .init("disabled", .bool(key.isDisabled)), .init("created_at", .string(key.createdAt.description)),
                .init("updated_at", .null), .init("workspace_id", .string(key.workspace)),
            ])
    }

    /// The members that `key` and `keys` have in common.
    private func totals(
        of key: OpenRouterKey, _ store: OpenRouterStore, _ style: AnswerStyle, at now: Timestamp
    ) -> [JSONValue.Member] {
        let usage = store.lifetime(ofKey: key.hash)
        var members: [JSONValue.Member] = [.init("usage", .number(usage))]
        guard !style.contains(.withoutOptionalFields) else { return members }
        let spent = key.budgetStart(at: now).map { start in
            store.charges(in: Period(start: start, end: now + .milliseconds(1))).filter { $0.key == key.hash }
                .reduce(.zero) { $0 + $1.credits }
        }
        members += [
            .init("label", .string("sk-or-v1-\(key.hash.prefix(3))...\(key.hash.suffix(3))")),
            .init("byok_usage", .number(store.lifetime(ofKey: key.hash, \.ownKey))),
            .init("limit", key.limit.map { .number($0) } ?? .null),
            .init("limit_remaining", key.limit.map { .number($0 - (spent ?? usage)) } ?? .null),
            .init("limit_reset", key.limitReset.map { .string($0) } ?? .null),
            .init("include_byok_in_limit", .bool(false)),
            .init("expires_at", key.expiresAt.map { .string($0.description) } ?? .null),
        ]
        return members
    }
}

extension OpenRouterKey {
    /// The start of the budget's current period; nil for a lifetime.
    fileprivate func budgetStart(at now: Timestamp) -> Timestamp? {
        switch limitReset {
        case "daily": now.day.start
        case "weekly": now.day.advanced(by: -now.day.weekday).start
        case "monthly": now.day.startOfMonth.start
        default: nil
        }
    }
}
