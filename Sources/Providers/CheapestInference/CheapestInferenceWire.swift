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
        let resets_at: Decoration<LenientTimestamp>
    }

    struct RateLimits: Decodable {
        let rpm: Decoration<LenientDecimal>
        let tpm: Decoration<LenientDecimal>
    }

    struct Plan: Decodable {
        /// Null for credit keys.
        let slug: Decoration<LenientString>
        let status: Decoration<LenientString>
        let expires_at: Decoration<LenientTimestamp>
    }

    struct Credits: Decodable {
        /// USD, of the account, not of the key.
        let balance: LenientDecimal?
    }

    struct Key: Decodable {
        // `name` is not read: the config names the key, so that its series stay the same if it is renamed there.
        let type: Decoration<LenientString>
        let created_at: Decoration<LenientTimestamp>
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
struct CheapestInferenceAccountKey: Decodable {
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
        let expiresAt: Decoration<LenientTimestamp>
    }

    let id: LenientString?
    let name: LenientString?
    let type: Decoration<LenientString>
    let plan: Decoration<LenientString>
    let isActive: Decoration<LenientFlag>
    let usage: Usage?
    /// Absent or null for credit keys.
    let subscription: Subscription?
    let createdAt: Decoration<LenientTimestamp>

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

/// `GET /api/billing/credits`, which is not documented; one public source describes it.
struct CheapestInferenceCredits: Decodable {
    /// USD.
    let remaining: LenientDecimal
}
