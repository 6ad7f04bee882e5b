import Upstream
import UsageModel

/// `GET /api/v1/api_keys`: the account's keys and what each may spend.
///
/// Left out: limits and usage in DIEM (`consumptionLimits.diem`, `.vcu`), since budgets are USD; `usage`, a trailing
/// week that no family shows; `modelPrivacy`, which is not about usage.
struct VeniceKeysSource: UsageSource {
    static let endpoint = "api_keys"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.sendOptional(UpstreamCall(.get, "/api/v1/api_keys"), telling: context)
        var reading = Reading()
        reading.gauges = try VeniceKeys.gauges(response, today: context.now.day) { context.remark($0) }
        try await context.commit(reading)
    }
}

/// The response of `api_keys`, as far as it is used.
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

    /// The gauges of a response; no samples where the endpoint is missing.
    ///
    /// - Parameters:
    ///   - today: the UTC day, which says where the present period of a budget ends.
    ///   - remark: gets each field beside the money that could not be read.
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
            for (family, moment) in [
                (GaugeFamily.keyCreated, key.createdAt), (.keyLastUsed, key.lastUsedAt), (.keyExpiry, key.expiresAt),
            ] {
                if let moment = moment.value?.value { gauges[family]?.append(GaugeSample([name], moment.seconds)) }
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

    /// The present period of a budget: an epoch is a UTC day, a month a calendar month in UTC; a lifetime never ends.
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

    /// How the keys are called. Where two have one description, the end of the key tells them apart, as it does in the
    /// provider's own lists.
    private static func names(of keys: [Key]) -> [String] {
        let plain = keys.map { VeniceKeyName.of(description: $0.description.value?.value, id: $0.id.value?.value) }
        let counts = Dictionary(plain.map { ($0, 1) }, uniquingKeysWith: +)
        return zip(keys, plain).map { key, name in
            guard counts[name, default: 0] > 1, let id = key.id.value?.value else { return name }
            return "\(name) (...\(id.suffix(6)))"
        }
    }
}

/// A limit: a number; negative where there is no limit.
struct VeniceLimit: Decodable {
    /// Nil where there is no limit.
    let value: Double?

    init(from decoder: any Decoder) throws {
        let number = try LenientDecimal(from: decoder).value
        value = number.isNegative ? nil : number.doubleValue
    }
}
