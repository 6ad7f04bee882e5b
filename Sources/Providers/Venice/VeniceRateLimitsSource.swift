import UsageModel
import Upstream

/// `GET /api/v1/api_keys/rate_limits`: the rate limits by model and the expiry time of the key that sends the request.
///
/// Not read: `balances`, which are limited to what this key may still spend and so are not the account's;
/// `nextEpochBegins`, because this response has no budget that it could reset (`api_keys` has both); `accessPermitted`
/// and `apiTier`, for which there is no metric family.
struct VeniceRateLimitsSource: UsageSource {
    static let endpoint = "rate_limits"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.sendIfPresent(
            UpstreamCall(.get, "/api/v1/api_keys/rate_limits"))
        var reading = Reading()
        reading.gauges = try VeniceRateLimits.gauges(response) { context.remark($0) }
        try await context.commit(reading)
    }
}

/// The used fields of the response of `rate_limits`.
struct VeniceRateLimits: Decodable {
    struct Limit: Decodable {
        let type: Decoration<LenientString>
        let amount: Decoration<VeniceLimit>
    }

    struct Model: Decodable {
        let apiModelId: Decoration<LenientString>
        let rateLimits: Decoration<LenientArray<Limit>>
    }

    struct Payload: Decodable {
        let rateLimits: BoundedArray<Model>
        let keyExpiration: Decoration<VeniceMoment>
    }

    let data: Payload

    /// The families by type of limit; other types are ignored.
    static let families: [String: GaugeFamily] = [
        "RPM": .rateLimitRequestsPerMinute, "RPD": .rateLimitRequestsPerDay, "TPM": .rateLimitTokensPerMinute,
    ]

    /// Returns the gauges of a response, without samples if the endpoint is missing. The label `key` is empty because
    /// the response does not identify the key.
    static func gauges(
        _ response: UpstreamResponse?, remark: (String) -> Void = { _ in }
    ) throws -> [GaugeFamily: [GaugeSample]] {
        var gauges: [GaugeFamily: [GaugeSample]] = [.keyExpiry: []]
        for family in families.values { gauges[family] = [] }
        guard let response else { return gauges }
        let data = try JSONBody.decode(VeniceRateLimits.self, from: response, remark: remark).data
        for model in data.rateLimits.values {
            guard let id = model.apiModelId.value?.value, !id.isEmpty else { continue }
            for limit in model.rateLimits.value?.values ?? [] {
                guard let family = limit.type.value.flatMap({ families[$0.value.uppercased()] }),
                    let amount = limit.amount.value?.value
                else { continue }
                gauges[family]?.append(GaugeSample(["", id], amount))
            }
        }
        if let end = data.keyExpiration.value?.value { gauges[.keyExpiry] = [GaugeSample([""], end.seconds)] }
        return gauges
    }
}
