import Upstream
import UsageModel

/// `GET /v1/organizations/rate_limits`: the limits of the organization by group of models.
///
/// Each model of a group has the limits of the group, which its models share. Tokens are those of the input; a limit of the
/// output is not exported, because `genai_rate_limit_tokens_per_minute` has no direction.
struct AnthropicRateLimitsSource: UsageSource {
    static let endpoint = "rate_limits"

    let name = endpoint
    let minimumInterval = Duration.hours(1)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    private struct Limit: Decodable {
        let type: Decoration<LenientString>
        let value: Decoration<LenientInt>
    }

    private struct Group: Decodable {
        let models: LenientArray<LenientString>
        let limits: LenientArray<Limit>
    }

    private struct Limits: Decodable {
        let data: BoundedArray<Group>
    }

    private static let families: [String: GaugeFamily] = [
        "requests_per_minute": .rateLimitRequestsPerMinute, "input_tokens_per_minute": .rateLimitTokensPerMinute,
    ]

    func sync(_ context: any SyncContext) async throws {
        let call = Anthropic.call("/v1/organizations/rate_limits", query: [])
        let response = try await api.sendIfPresent(
            call, mayBeForbidden: true, for: Self.families.values, context)
        let limits = try response.map { response in
            try JSONBody.decode(Limits.self, from: response) { context.remark($0) }
        }
        // Of two limits of one model, the lower one applies first.
        var lowest: [GaugeFamily: [String: Int]] = [:]
        for group in limits?.data.values ?? [] {
            for limit in group.limits.values {
                guard let family = limit.type.value.flatMap({ Self.families[$0.value] }),
                    let value = limit.value.value?.value, value >= 0
                else { continue }
                lowest[family, default: [:]].merge(group.models.values.map { ($0.value, value) }, uniquingKeysWith: min)
            }
        }
        var reading = Reading()
        for family in Self.families.values {
            reading.gauges[family] = lowest[family, default: [:]].sorted { $0.key < $1.key }.map {
                GaugeSample(["", $0.key], Double($0.value))
            }
        }
        try await context.commit(reading)
    }
}
