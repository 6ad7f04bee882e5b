import UsageModel
import Upstream

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

    func sync(_ visit: any SyncVisit) async throws {
        let answer = try await api.sendOptional(UpstreamCall(.get, "/api/v1/api_keys"), telling: visit)
        var reading = Reading()
        reading.gauges = try VeniceKeys.gauges(answer, today: visit.now.day)
        try await visit.commit(reading)
    }
}

/// The answer of `api_keys`, as far as it is used.
struct VeniceKeys: Decodable {
    struct Amounts: Decodable {
        let usd: LenientDecimal?
    }

    struct Key: Decodable {
        let id: LenientString?
        let apiKeyType: LenientString?
        let description: LenientString?
        let createdAt: VeniceMoment?
        let lastUsedAt: VeniceMoment?
        let expiresAt: VeniceMoment?
        let consumptionLimits: Amounts?
        let limitPeriod: LenientString?
        let currentPeriodUsage: Amounts?
    }

    let data: LenientArray<Key>

    /// The gauges of an answer; no samples where the endpoint is missing.
    ///
    /// - Parameter today: the UTC day, which says where the present period of a budget ends.
    static func gauges(_ answer: UpstreamAnswer?, today: UTCDay) throws -> [GaugeFamily: [GaugeSample]] {
        let families: [GaugeFamily] = [
            .keyInfo, .keyCreated, .keyLastUsed, .keyExpiry, .budgetLimit, .budgetSpent, .budgetPeriod, .budgetReset,
        ]
        var gauges = Dictionary(uniqueKeysWithValues: families.map { ($0, [GaugeSample]()) })
        guard let answer else { return gauges }
        let keys = try JSONBody.decode(VeniceKeys.self, from: answer).data.values
        for (key, name) in zip(keys, names(of: keys)) {
            gauges[.keyInfo]?.append(GaugeSample([name, key.id?.value ?? "", key.apiKeyType?.value ?? ""], 1))
            if let moment = key.createdAt?.value { gauges[.keyCreated]?.append(GaugeSample([name], moment.seconds)) }
            if let moment = key.lastUsedAt?.value { gauges[.keyLastUsed]?.append(GaugeSample([name], moment.seconds)) }
            if let moment = key.expiresAt?.value { gauges[.keyExpiry]?.append(GaugeSample([name], moment.seconds)) }
            guard let limit = key.consumptionLimits?.usd?.value else { continue }
            let labels = [name, "key"]
            gauges[.budgetLimit]?.append(GaugeSample(labels, limit.doubleValue))
            if let spent = key.currentPeriodUsage?.usd?.value {
                gauges[.budgetSpent]?.append(GaugeSample(labels, spent.doubleValue))
            }
            if let period = period(key.limitPeriod?.value, today: today) {
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
        let plain = keys.map { VeniceKeyName.of(description: $0.description?.value, id: $0.id?.value) }
        let counts = Dictionary(plain.map { ($0, 1) }, uniquingKeysWith: +)
        return zip(keys, plain).map { key, name in
            guard counts[name, default: 0] > 1, let id = key.id?.value else { return name }
            return "\(name) (...\(id.suffix(6)))"
        }
    }
}
