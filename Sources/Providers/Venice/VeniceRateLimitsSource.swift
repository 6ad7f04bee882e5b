import UsageModel
import Upstream

/// `GET /api/v1/api_keys/rate_limits`: the rate limits by model of the key that sends the request, its expiry time, and
/// whether the provider admits it.
///
/// `balances` are limited to what this key may still spend. They are reported if the key cannot read `balance`, which
/// has the account's own.
///
/// Not read: `nextEpochBegins`, because this response has no budget that it could reset (`api_keys` has both);
/// `apiTier`, for which there is no metric family.
struct VeniceRateLimitsSource: UsageSource {
    static let endpoint = "rate_limits"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.sendIfPresent(
            UpstreamCall(.get, "/api/v1/api_keys/rate_limits"),
            for: [.rateLimitRequestsPerMinute, .keyExpiry, .spendingAllowed], context)
        let stored: VeniceBalanceAccess? = try await context.remembered(VeniceBalanceAccess.memoryName)
        var access = stored ?? VeniceBalanceAccess()
        if response != nil { try await access.update(api, now: context.now) }
        var reading = Reading()
        reading.gauges = try VeniceRateLimits.gauges(response, withBalances: access.isRefused == true) {
            context.remark($0)
        }
        if access != stored {
            reading.memory[VeniceBalanceAccess.memoryName] = try RememberedJSON.text(of: access)
        }
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
        let accessPermitted: Decoration<LenientFlag>
        let balances: Decoration<VeniceKeyBalances>
        let rateLimits: BoundedArray<Model>
        let keyExpiration: Decoration<VeniceMoment>
    }

    let data: Payload

    /// The families by type of limit; other types are ignored.
    static let families: [String: GaugeFamily] = [
        "RPM": .rateLimitRequestsPerMinute, "RPD": .rateLimitRequestsPerDay, "TPM": .rateLimitTokensPerMinute,
    ]

    /// The label `key` of `genai_spending_allowed` for the key of the config, which the response does not name. The
    /// empty label is the account's: this key may be stopped by its own limits while the account is not.
    static let ownKey = "api_key"

    /// Returns the gauges of a response, without samples if the endpoint is missing. The label `key` of the limits is
    /// empty because the response does not identify the key.
    static func gauges(
        _ response: UpstreamResponse?, withBalances: Bool = false, remark: (String) -> Void = { _ in }
    ) throws -> [GaugeFamily: [GaugeSample]] {
        var gauges: [GaugeFamily: [GaugeSample]] = [
            .keyExpiry: [], .spendingAllowed: [], .balanceUSD: [], .balanceCredits: [],
        ]
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
        if let isPermitted = data.accessPermitted.value?.value {
            gauges[.spendingAllowed] = [GaugeSample([ownKey], isPermitted ? 1 : 0)]
        }
        guard withBalances else { return gauges }
        // Without balances that can be decoded, the last ones stay.
        let balances = data.balances.value
        gauges[.balanceUSD] = balances.map { $0.usd.map { [GaugeSample([], $0.doubleValue)] } ?? [] }
        gauges[.balanceCredits] = balances?.credits.map { GaugeSample([$0.unit], $0.amount.doubleValue) }
        return gauges
    }
}

/// `balances` of `rate_limits`: amounts by currency, an open set.
struct VeniceKeyBalances: Decodable {
    private struct Currency: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// The maximum number of currencies; each is a series.
    private static let most = 20

    /// Nil if there is no such balance.
    let usd: ExactDecimal?
    /// In alphabetical order.
    let credits: [(unit: String, amount: ExactDecimal)]

    /// Decodes the amounts. As in `balance`, null is a balance of 0, except for DIEM.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Currency.self)
        var amounts: [String: ExactDecimal] = [:]
        for key in container.allKeys.sorted(by: { $0.stringValue < $1.stringValue }).prefix(Self.most) {
            let unit = Self.unit(key.stringValue)
            let isStaked = ["diem", "vcu"].contains(unit)
            let amount = try container.decodeIfPresent(LenientDecimal.self, forKey: key)?.value
            amounts[unit] = amount ?? (isStaked ? nil : .zero)
        }
        usd = amounts.removeValue(forKey: "usd")
        credits = amounts.sorted { $0.key < $1.key }.map { (LongName.bounded($0.key), $0.value) }
    }

    /// Returns a currency as the label `unit`: `BUNDLED_CREDITS` and `bundledCredits` are `bundled_credits`.
    private static func unit(_ currency: String) -> String {
        guard currency.contains(where: \.isLowercase) else { return currency.lowercased() }
        return currency.reduce(into: "") { unit, character in
            if character.isUppercase, !unit.isEmpty, unit.last != "_" { unit += "_" }
            unit += character.lowercased()
        }
    }
}
