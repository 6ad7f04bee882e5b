import UsageModel

/// JSON bodies of the endpoints for keys and billing, members in the order of the provider's documentation.
extension CheapestInferenceForms {
    /// The response of a management endpoint, without envelope; nil for another path.
    func management(
        _ version: CheapestInferenceAPI.Management, _ endpoint: String, _ account: CheapestInferenceAccount,
        at now: Timestamp
    ) -> JSONValue? {
        switch endpoint {
        case "/api/keys": .array(account.keys.map { listed($0, version) })
        case "/api/billing/credits": credits(of: account, version)
        case "/api/billing/status": status(of: account, version, at: now)
        default: nil
        }
    }

    /// An item of `GET /api/keys`.
    private func listed(_ key: CheapestInferenceKey, _ version: CheapestInferenceAPI.Management) -> JSONValue {
        let properties = key.properties
        var members: [JSONValue.Member] = [
            .init("id", .string(properties.id)), .init("name", .string(properties.name)),
        ]
        guard isFull else { return .object(members) }
        let isSubscribed = properties.expiresAt != nil
        members.append(.init("keyPlan", .string(isSubscribed ? (version == .older ? "standard" : "pool") : "credits")))
        members.append(.init("keyType", Self.type(of: properties)))
        if version == .newer { members.append(.init("apiKey", .string(properties.listedSecret))) }
        members.append(.init("isActive", .bool(key.isActive)))
        if let expiresAt = properties.expiresAt {
            if version == .newer { members.append(.init("subscriptionId", .string("sub-" + properties.id))) }
            members.append(.init("subscriptionStatus", key.planStatus))
            members.append(.init("subscriptionExpiresAt", Self.timestamp(expiresAt)))
        } else if version == .newer {
            members.append(.init("subscriptionExpiresAt", ""))
        }
        members.append(.init("createdAt", Self.timestamp(properties.createdAt)))
        if version == .newer {
            members.append(.init("lastUsedAt", key.lastUsedAt.map(Self.timestamp) ?? ""))
        }
        return .object(members)
    }

    /// `GET /api/billing/credits`.
    private func credits(
        of account: CheapestInferenceAccount, _ version: CheapestInferenceAPI.Management
    ) -> JSONValue {
        let credit = account.keys.filter { $0.properties.expiresAt == nil }
        guard isFull else { return ["remaining": amount(account.remaining, version)] }
        var members: [JSONValue.Member] = [
            .init("totalTopUp", amount(account.totalTopUp, version)),
            .init("remaining", amount(account.remaining, version)), .init("hasCreditKey", .bool(!credit.isEmpty)),
        ]
        switch version {
        case .older:
            if let key = credit.first { members.append(.init("creditKeyId", .string(key.properties.id))) }
        case .newer:
            members.append(.init("creditKeyCount", .count(credit.count)))
            members.append(.init("userId", "ci_user_simulated"))
        }
        return .object(members)
    }

    /// `GET /api/billing/status`.
    private func status(
        of account: CheapestInferenceAccount, _ version: CheapestInferenceAPI.Management, at now: Timestamp
    ) -> JSONValue {
        let plans = account.subscriptions.filter { !$0.isPool }.map { subscription in
            var members = state(of: subscription, named: "planSlug", at: now)
            let keys = account.keys.filter { subscription.keyIDs.contains($0.properties.id) }
            if isFull {
                members.append(.init("keyCount", .count(keys.count)))
                let listed: [JSONValue] = keys.map {
                    ["id": .string($0.properties.id), "name": .string($0.properties.name)]
                }
                members.append(.init("keys", .array(listed)))
            }
            return JSONValue.object(members)
        }
        guard version == .newer else {
            return [
                "subscriptions": .array(plans), "creditBalance": amount(account.remaining, version),
                "legacySubscriptionKeys": .array([]),
            ]
        }
        let pledges = account.subscriptions.filter(\.isPool).map { pledge in
            var members = state(of: pledge, named: "poolSlug", at: now)
            if isFull { members.append(.init("hasKey", .bool(!pledge.keyIDs.isEmpty))) }
            return JSONValue.object(members)
        }
        return [
            "subscriptions": .array(plans), "poolPledges": .array(pledges), "plan": .null, "status": "active",
            "creditBalance": amount(account.remaining, version), "stripeCustomerId": "cus_simulated",
            "subscriptionExpiresAt": .null, "legacySubscriptionKeys": .array([]),
        ]
    }

    private func state(
        of subscription: CheapestInferenceSubscription, named slug: String, at now: Timestamp
    ) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = [.init("id", .string(subscription.id))]
        if subscription.isPool { members.append(.init("poolId", .string("pool-" + subscription.slug))) }
        members.append(.init(slug, .string(subscription.slug)))
        guard isFull else { return members }
        return members + [
            .init("status", .string(subscription.status(at: now))),
            .init("currentPeriodEnd", Self.timestamp(subscription.currentPeriodEnd(at: now))),
            .init("cancelAtPeriodEnd", .bool(subscription.cancelsAtPeriodEnd)),
        ]
    }

    /// An amount: text in the older version, a number in the newer one.
    private func amount(_ amount: ExactDecimal, _ version: CheapestInferenceAPI.Management) -> JSONValue {
        version == .older ? .string(amount.description) : .number(amount)
    }
}
