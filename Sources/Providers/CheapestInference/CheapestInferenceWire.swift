import Upstream
import UsageModel

/// A response, either bare or inside `{"success": true, "data": …}`. The documentation shows both, and endpoints have
/// changed from one to the other.
struct CheapestInferenceEnvelope<Payload: Decodable>: Decodable {
    let payload: Payload

    private enum CodingKeys: String, CodingKey {
        case success, data
    }

    init(from decoder: any Decoder) throws {
        guard let frame = try? decoder.container(keyedBy: CodingKeys.self) else {
            payload = try Payload(from: decoder)
            return
        }
        // HTTP 200 with `success: false` has no figures. Its message is not read, because it may quote a key.
        if (try? frame.decodeIfPresent(LenientFlag.self, forKey: .success))?.value == false {
            throw SourceFailure(.decode, "the response has `success: false`; expected figures")
        }
        payload = frame.contains(.data) ? try frame.decode(Payload.self, forKey: .data) : try Payload(from: decoder)
    }

    /// Decodes the payload of a response.
    ///
    /// - Parameter remark: is called for each field that could not be decoded and that no figure depends on.
    static func payload(of response: UpstreamResponse, remark: (String) -> Void = { _ in }) throws -> Payload {
        try JSONBody.decode(Self.self, from: response, remark: remark).payload
    }
}

/// `GET /v1/usage`: the usage of one consumption key. Source: "Usage", section `GET /v1/usage`.
struct CheapestInferenceKeyUsage: Decodable {
    struct Budget: Decodable {
        /// USD in the current budget period.
        let spent: LenientDecimal?
        /// USD; null if there is no cap.
        let limit: Decoration<LenientDecimal>
        /// `30d`, `5h`: the format is not documented.
        let duration: Decoration<LenientString>
        let resets_at: Decoration<OptionalTimestamp>
    }

    struct RateLimits: Decodable {
        let rpm: Decoration<LenientDecimal>
        let tpm: Decoration<LenientDecimal>
    }

    struct Plan: Decodable {
        /// Null for credit keys.
        let slug: Decoration<LenientString>
        let status: Decoration<LenientString>
        let expires_at: Decoration<OptionalTimestamp>

        var state: PlanState { PlanState(status: status, end: expires_at) }
    }

    struct Credits: Decodable {
        /// USD, of the account, not of the key.
        let balance: LenientDecimal?
    }

    struct Key: Decodable {
        // `name` is not read: the config names the key, so that its series stay the same if it is renamed there.
        let type: Decoration<LenientString>
        let created_at: Decoration<OptionalTimestamp>
    }

    let budget: Budget?
    let rate_limits: RateLimits?
    let plan: Plan?
    let credits: Credits?
    let key: Key?

    /// Whether the response has any documented field.
    var isKnown: Bool { budget != nil || rate_limits != nil || plan != nil || credits != nil || key != nil }
}

/// An item of `GET /api/usage`, and the response of `GET /api/usage/:keyId`. Source: "Usage", sections of these names.
struct CheapestInferenceAccountKey: Decodable, ListedKey {
    struct Counts: Decodable {
        let requests: LenientInt?
        let tokens: LenientInt?
        let promptTokens: LenientInt?
        let completionTokens: LenientInt?
    }

    struct Usage: Decodable {
        let last1h: Counts?
        let last24h: Counts?
        let last7d: Counts?
        let last30d: Counts?
    }

    struct Subscription: Decodable {
        let status: Decoration<LenientString>
        let expiresAt: Decoration<OptionalTimestamp>

        var state: PlanState { PlanState(status: status, end: expiresAt) }
    }

    let id: LenientString?
    let name: LenientString?
    let type: Decoration<LenientString>
    let plan: Decoration<LenientString>
    let isActive: Decoration<LenientFlag>
    let usage: Usage?
    /// Absent or null for credit keys.
    let subscription: Subscription?
    let createdAt: Decoration<OptionalTimestamp>

    /// Whether the response has any documented field.
    var isKnown: Bool { id != nil || name != nil || usage != nil }
}

/// An item of `GET /api/plans`. Source: "Usage", section `GET /api/plans`.
struct CheapestInferencePlan: Decodable {
    struct RateLimits: Decodable {
        let tpm_limit: Decoration<LenientDecimal>
        let rpm_limit: Decoration<LenientDecimal>
    }

    // `name` is not read, because series use the slug, like `genai_plan_info`.
    let slug: LenientString?
    /// USDC, a coin worth one USD; a string in the documentation.
    let priceUsdc: Decoration<LenientDecimal>
    let rateLimits: RateLimits?
}

/// `GET /api/billing/credits`. Source: "Credits & Top-ups", section "Check credit balance": bare with amounts as text in
/// an older version, in the envelope with numbers in a newer one.
struct CheapestInferenceCredits: Decodable {
    // `userId` and `creditKeyId` are not read, because they identify a person and a key.
    /// USD.
    let remaining: LenientDecimal
    /// USD paid in since the account's creation. A missing or invalid total loses nothing: a later one includes it.
    let totalTopUp: Decoration<LenientDecimal>
}

/// `GET /api/billing/status`. Source: "Billing & Subscriptions", section "Subscription status": bare with
/// `subscriptions` in an older version, in the envelope with `poolPledges` in a newer one.
struct CheapestInferenceBillingStatus: Decodable {
    /// A subscription to a flat plan, or a pledge to a pool.
    struct Subscription: Decodable {
        struct Key: Decodable {
            let name: Decoration<LenientString>
        }

        let planSlug: Decoration<LenientString>
        let poolSlug: Decoration<LenientString>
        /// `active`, `past_due`, `canceled`.
        let status: Decoration<LenientString>
        let currentPeriodEnd: Decoration<OptionalTimestamp>
        let cancelAtPeriodEnd: Decoration<LenientFlag>
        let keyCount: Decoration<LenientInt>
        let keys: Decoration<LenientArray<Key>>
    }

    // `legacySubscriptionKeys` and `stripeCustomerId` are not read: they may hold keys, and identify a customer.
    let subscriptions: LenientArray<Subscription>?
    let poolPledges: LenientArray<Subscription>?
    /// The flat plan of the account, in the newer version.
    let plan: Decoration<LenientString>
    let status: Decoration<LenientString>
    let subscriptionExpiresAt: Decoration<OptionalTimestamp>
    /// Only identifies the response: `GET /api/billing/credits` has the balance.
    let creditBalance: Decoration<LenientDecimal>

    /// Whether the response has any documented field that an error object does not have.
    var isKnown: Bool { subscriptions != nil || poolPledges != nil || creditBalance.value != nil }
}

/// An item of `GET /api/keys`. Source: "API Keys", section "List consumption keys".
///
/// In the newer version each item also holds the key itself, `apiKey`. Only the fields declared here are decoded.
struct CheapestInferenceListedKey: Decodable, ListedKey {
    let id: LenientString?
    let name: LenientString?
    /// `subscription` or `credit`, as `type` in `GET /api/usage`.
    let keyType: Decoration<LenientString>
    let isActive: Decoration<LenientFlag>
    let createdAt: Decoration<OptionalTimestamp>
    let lastUsedAt: Decoration<OptionalTimestamp>
    /// The key's expiry: it is revoked when its subscription's billing period ends without renewal.
    let subscriptionExpiresAt: Decoration<OptionalTimestamp>
}

/// A time that the API may also write as empty text, which means that there is none.
struct OptionalTimestamp: Decodable {
    let value: Timestamp?

    /// Decodes a timestamp or empty text.
    ///
    /// - Throws: `DecodingError` for any other value.
    init(from decoder: any Decoder) throws {
        let text = try? decoder.singleValueContainer().decode(String.self)
        value = text?.allSatisfy(\.isWhitespace) == true ? nil : try LenientTimestamp(from: decoder).value
    }
}
