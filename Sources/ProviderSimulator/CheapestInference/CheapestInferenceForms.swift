import UsageModel

/// JSON bodies of the responses, members in the order of the provider's documentation page "Usage".
struct CheapestInferenceForms {
    let isFull: Bool

    init(_ style: AnswerStyle) {
        isFull = !style.contains(.withoutOptionalFields)
    }

    /// The form of a budget's `resets_at`.
    enum Reset {
        case time, null, emptyText
    }

    /// `GET /v1/usage`.
    ///
    /// - Parameter dip: USD subtracted from the reported `spent`.
    func usage(
        of key: CheapestInferenceKey, in account: CheapestInferenceAccount, _ dip: ExactDecimal, _ reset: Reset
    ) -> JSONValue {
        let properties = key.properties
        var budget: [JSONValue.Member] = [
            .init("spent", .number(max(.zero, key.spent - dip))),
            .init("limit", properties.budgetLimit.map(JSONValue.number) ?? .null),
        ]
        if isFull {
            budget.append(.init("duration", .string("\(properties.budgetDays)d")))
            let resetsAt: JSONValue =
                switch reset {
                case .time: Self.timestamp(key.budgetPeriod.end)
                case .null: .null
                case .emptyText: ""
                }
            budget.append(.init("resets_at", resetsAt))
        }
        guard isFull else { return ["budget": .object(budget)] }
        return [
            "budget": .object(budget),
            "rate_limits": [
                "rpm": .count(properties.requestsPerMinute), "tpm": .count(properties.tokensPerMinute),
            ],
            "plan": [
                "slug": properties.plan.map(JSONValue.string) ?? .null,
                "status": properties.plan == nil ? .null : key.planStatus,
                "expires_at": properties.expiresAt.map(Self.timestamp) ?? .null,
            ],
            "credits": ["balance": .number(account.remaining)],
            "key": [
                "name": .string(properties.name), "type": Self.type(of: properties),
                "created_at": Self.timestamp(properties.createdAt),
            ],
        ]
    }

    /// An item of `GET /api/usage`; the whole body of `GET /api/usage/:keyId`.
    func item(_ key: CheapestInferenceKey) -> JSONValue {
        let properties = key.properties
        let usage: JSONValue = [
            "last1h": counts(key.rolling(.hours(1))), "last24h": counts(key.rolling(.hours(24))),
            "last7d": counts(key.rolling(.days(7))), "last30d": counts(key.rolling(.days(30))),
        ]
        guard isFull else {
            return ["id": .string(properties.id), "name": .string(properties.name), "usage": usage]
        }
        var members: [JSONValue.Member] = [
            .init("id", .string(properties.id)), .init("name", .string(properties.name)),
            .init("type", Self.type(of: properties)), .init("plan", .string(properties.plan ?? "credits")),
            .init("isActive", .bool(key.isActive)), .init("usage", usage),
        ]
        if let expiresAt = properties.expiresAt {
            members.append(.init("subscription", ["status": key.planStatus, "expiresAt": Self.timestamp(expiresAt)]))
        }
        members.append(.init("createdAt", Self.timestamp(properties.createdAt)))
        return .object(members)
    }

    /// The price list of the documentation.
    static let plans: JSONValue = .array([
        [
            "slug": "standard", "name": "Standard", "priceUsdc": "20",
            "rateLimits": ["tpm_limit": .count(3333), "rpm_limit": .count(60)],
        ],
        [
            "slug": "pro", "name": "Pro", "priceUsdc": "60",
            "rateLimits": ["tpm_limit": .count(13_333), "rpm_limit": .count(200)],
        ],
    ])

    private func counts(_ totals: CheapestInferenceTotals) -> JSONValue {
        [
            "requests": .count(totals.requests),
            "tokens": .count(totals.promptTokens + totals.completionTokens),
            "promptTokens": .count(totals.promptTokens),
            "completionTokens": .count(totals.completionTokens),
        ]
    }

    static func type(of properties: CheapestInferenceKey.Properties) -> JSONValue {
        properties.plan == nil ? "credit" : "subscription"
    }

    /// `2026-02-15T10:00:00.000Z`, always with three fraction digits.
    static func timestamp(_ time: Timestamp) -> JSONValue {
        let text = time.description
        return .string(text.contains(".") ? text : text.dropLast() + ".000Z")
    }
}
