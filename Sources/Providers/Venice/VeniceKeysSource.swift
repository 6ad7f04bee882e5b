import Upstream
import UsageModel

/// `GET /api/v1/api_keys`: the account's keys and their budgets.
///
/// Not read: limits and usage in DIEM (`consumptionLimits.diem`, `.vcu`), because budgets are USD; `usage`, a trailing
/// week without a family; `modelPrivacy`, which is unrelated to usage.
struct VeniceKeysSource: UsageSource {
    static let endpoint = "api_keys"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.sendIfPresent(UpstreamCall(.get, "/api/v1/api_keys"))
        var reading = Reading()
        reading.gauges = try VeniceKeys.gauges(response, today: context.now.day) { context.remark($0) }
        try await context.commit(reading)
    }
}

/// The used fields of the response of `api_keys`.
struct VeniceKeys: Decodable {
    struct Limits: Decodable {
        let usd: Decoration<VeniceLimit>
    }

    struct Usage: Decodable {
        let usd: LenientDecimal?
    }

    struct Key: Decodable {
        let id: Decoration<LenientString>
        let apiKeyType: Decoration<LenientString>
        let description: Decoration<LenientString>
        let createdAt: Decoration<VeniceMoment>
        let lastUsedAt: Decoration<VeniceMoment>
        let expiresAt: Decoration<VeniceMoment>
        let consumptionLimits: Decoration<Limits>
        let limitPeriod: Decoration<LenientString>
        let currentPeriodUsage: Usage?
    }

    let data: BoundedArray<Key>

    /// Returns the gauges of a response, without samples if the endpoint is missing.
    ///
    /// - Parameters:
    ///   - today: the UTC day, which determines the end of a budget's current period.
    ///   - remark: is called for each field other than money that could not be decoded.
    static func gauges(
        _ response: UpstreamResponse?, today: UTCDay, remark: (String) -> Void = { _ in }
    ) throws -> [GaugeFamily: [GaugeSample]] {
        let families: [GaugeFamily] = [
            .keyInfo, .keyCreated, .keyLastUsed, .keyExpiry, .budgetLimit, .budgetSpent, .budgetPeriod, .budgetReset,
        ]
        var gauges = Dictionary(uniqueKeysWithValues: families.map { ($0, [GaugeSample]()) })
        guard let response else { return gauges }
        let keys = try JSONBody.decode(VeniceKeys.self, from: response, remark: remark).data.values
        for (key, name) in zip(keys, names(of: keys)) {
            let type = key.apiKeyType.value?.value ?? ""
            gauges[.keyInfo]?.append(GaugeSample([name, key.id.value?.value ?? "", type], 1))
            for (family, date) in [
                (GaugeFamily.keyCreated, key.createdAt), (.keyLastUsed, key.lastUsedAt), (.keyExpiry, key.expiresAt),
            ] {
                if let date = date.value?.value { gauges[family]?.append(GaugeSample([name], date.seconds)) }
            }
            guard let limit = key.consumptionLimits.value?.usd.value?.value else { continue }
            let labels = [name, "key"]
            gauges[.budgetLimit]?.append(GaugeSample(labels, limit))
            if let spent = key.currentPeriodUsage?.usd?.value {
                gauges[.budgetSpent]?.append(GaugeSample(labels, spent.doubleValue))
            }
            if let period = period(key.limitPeriod.value?.value, today: today) {
                gauges[.budgetPeriod]?.append(GaugeSample(labels, (period.end - period.start).inSeconds))
                gauges[.budgetReset]?.append(GaugeSample(labels, period.end.seconds))
            }
        }
        return gauges
    }

    /// Returns the current period of a budget: an epoch is a UTC day, a month a calendar month in UTC, a lifetime nil.
    static func period(_ name: String?, today: UTCDay) -> Period? {
        switch name?.uppercased() {
        case "EPOCH":
            return today.period
        case "MONTH":
            let nextMonth = today.startOfMonth.advanced(by: 31).startOfMonth
            return Period(start: today.startOfMonth.start, end: nextMonth.start)
        default:
            return nil
        }
    }

    /// Returns the names of the keys. The end of the id distinguishes equal descriptions, as in the provider's lists.
    private static func names(of keys: [Key]) -> [String] {
        let plain = keys.map { VeniceKeyName.of(description: $0.description.value?.value, id: $0.id.value?.value) }
        let counts = Dictionary(plain.map { ($0, 1) }, uniquingKeysWith: +)
        return zip(keys, plain).map { key, name in
            guard counts[name, default: 0] > 1, let id = key.id.value?.value else { return name }
            return "\(name) (...\(id.suffix(6)))"
        }
    }
}

/// A limit: a number; a negative one means no limit.
struct VeniceLimit: Decodable {
    /// Nil if there is no limit.
    let value: Double?

    init(from decoder: any Decoder) throws {
        let number = try LenientDecimal(from: decoder).value
        value = number.isNegative ? nil : number.doubleValue
    }
}
