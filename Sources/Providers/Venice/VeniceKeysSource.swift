import Upstream
import UsageModel

/// `GET /api/v1/api_keys`: the account's keys and their budgets.
///
/// If a key may not spend USD, `balance` is read too, because the key may still spend the account's DIEM.
///
/// Not read: `consumptionLimits.vcu`, the former name of DIEM; `usage`, a trailing week without a family;
/// `modelPrivacy`, which is unrelated to usage; `last6Chars`, a part of the secret.
struct VeniceKeysSource: UsageSource {
    static let endpoint = "api_keys"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    static let call = UpstreamCall(.get, "/api/v1/api_keys")

    /// The names of the current day's keys.
    private struct Names: Codable, Equatable {
        let day: String
        let byID: [String: String]
    }

    private static let namesName = "names"

    func sync(_ context: any SyncContext) async throws {
        let today = context.now.day
        let response = try await api.sendIfPresent(Self.call, for: [.keyInfo], context)
        let list = try response.map { response in
            try JSONBody.decode(VeniceKeys.self, from: response) { context.remark($0) }
        }
        let stored: Names? = try await context.remembered(Self.namesName)
        var names = SliceKeyNames(
            stored?.day == today.description ? stored?.byID ?? [:] : [:], reserved: VeniceKeyNames.reserved)
        let diem = list?.needsDIEM == true ? try await accountDIEM(context) : .unknown
        var reading = Reading()
        reading.gauges = VeniceKeys.gauges(list, &names, accountDIEM: diem, today: today)
        let used = Names(day: today.description, byID: names.byID)
        if used != stored { reading.memory[Self.namesName] = try RememberedJSON.text(of: used) }
        try await context.commit(reading)
    }

    /// Reads whether the account has DIEM to spend. A failure yields `unknown`, and never fails the sync.
    private func accountDIEM(_ context: any SyncContext) async throws -> VeniceAccountDIEM {
        do {
            let response = try await api.send(VeniceBalanceSource.call.incidental)
            let balance = try JSONBody.decode(VeniceBalance.self, from: response)
            return balance.balances.diem.map { $0 > .zero } == true ? .available : .exhausted
        } catch let failure as any ReasonedFailure {
            let isMissing = (failure as? UpstreamFailure)?.status == 404
            if !isMissing {
                context.remark("cannot decide whether keys without USD may spend DIEM: \(failure.message)")
            }
            return .unknown
        }
    }
}

/// Whether the account has DIEM to spend now.
enum VeniceAccountDIEM {
    case available
    /// None is staked, or the epoch's allocation is spent.
    case exhausted
    case unknown
}

/// The used fields of the response of `api_keys`.
struct VeniceKeys: Decodable {
    struct Limits: Decodable {
        let usd: Decoration<VeniceLimit>
        let diem: Decoration<VeniceLimit>
    }

    /// Amounts of the current period, which the API sends for keys with a limit. USD excludes earned credits, although
    /// they count towards the limit.
    struct Usage: Decodable {
        let usd: LenientDecimal?
        let diem: LenientDecimal?
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

    private static let families: [GaugeFamily] = [
        .keyInfo, .keyCreated, .keyLastUsed, .keyExpiry, .budgetLimit, .budgetSpent, .budgetLimitCredits,
        .budgetSpentCredits, .budgetPeriod, .budgetReset, .spendingAllowed,
    ]

    /// Whether a key may not spend USD, so that the account's DIEM decides whether it may spend.
    var needsDIEM: Bool { data.values.contains { $0.isWithoutUSD && !$0.hasSpentItsDIEM } }

    /// Returns the gauges of a list; without samples if there is no list, because the endpoint is missing.
    ///
    /// - Parameters:
    ///   - names: the names of the day's keys.
    ///   - today: the UTC day, which determines the end of a budget's current period.
    static func gauges(
        _ list: VeniceKeys?, _ names: inout SliceKeyNames, accountDIEM: VeniceAccountDIEM, today: UTCDay
    ) -> [GaugeFamily: [GaugeSample]] {
        var gauges = KeyGauges(families)
        let keys = list?.data.values ?? []
        let wanted = VeniceKeyNames.names(of: keys.map { ($0.id.value?.value ?? "", $0.description.value?.value) })
        for key in keys {
            let id = key.id.value?.value ?? ""
            let plain = wanted.byID[id] ?? VeniceKeyNames.plain(id: id, description: key.description.value?.value)
            let name = id.isEmpty ? plain : names.name(ofKey: id, otherwise: plain)
            gauges.add(.keyInfo, [name, id, key.apiKeyType.value?.value ?? ""], 1)
            gauges.add(.keyCreated, [name], key.createdAt.value?.value?.seconds)
            gauges.add(.keyLastUsed, [name], key.lastUsedAt.value?.value?.seconds)
            gauges.add(.keyExpiry, [name], key.expiresAt.value?.value?.seconds)
            gauges.add(.spendingAllowed, [name], key.maySpend(accountDIEM).map { $0 ? 1 : 0 })
            let labels = [name, "key"]
            if let limit = key.usdBudget {
                gauges.add(.budgetLimit, labels, limit)
                gauges.add(.budgetSpent, labels, key.currentPeriodUsage?.usd?.value.doubleValue)
            }
            if let limit = key.diemBudget {
                gauges.add(.budgetLimitCredits, labels + ["diem"], limit)
                gauges.add(.budgetSpentCredits, labels + ["diem"], key.currentPeriodUsage?.diem?.value.doubleValue)
            }
            guard key.usdBudget != nil || key.diemBudget != nil,
                let period = period(key.limitPeriod.value?.value, today: today)
            else { continue }
            gauges.add(.budgetPeriod, labels, (period.end - period.start).inSeconds)
            gauges.add(.budgetReset, labels, period.end.seconds)
        }
        return gauges.all
    }

    /// Returns the current period of a budget: an epoch is a UTC day, a month a calendar month in UTC, a lifetime nil.
    static func period(_ name: String?, today: UTCDay) -> Period? {
        switch name?.uppercased() {
        case "EPOCH":
            return today.period
        case "MONTH":
            return today.calendarMonth
        default:
            return nil
        }
    }
}

extension VeniceKeys.Key {
    private var usdLimit: Double? { consumptionLimits.value?.usd.value?.value }
    private var diemLimit: Double? { consumptionLimits.value?.diem.value?.value }

    /// The budget in USD. A limit of 0 is not a budget: it means that the key may not spend USD.
    var usdBudget: Double? { usdLimit.flatMap { $0 > 0 ? $0 : nil } }

    /// The budget in DIEM. The meaning of 0 is not documented, so it yields none.
    var diemBudget: Double? { diemLimit.flatMap { $0 > 0 ? $0 : nil } }

    /// Whether the key may not spend USD, nor bundled and earned credits, which count towards the limit in USD.
    var isWithoutUSD: Bool { usdLimit == 0 }

    /// Whether the key has used up its own budget in DIEM.
    var hasSpentItsDIEM: Bool {
        guard let diemBudget, let spent = currentPeriodUsage?.diem?.value.doubleValue else { return false }
        return spent >= diemBudget
    }

    /// Returns whether a key that may not spend USD may spend DIEM; nil for any other key, and if that is not known.
    func maySpend(_ accountDIEM: VeniceAccountDIEM) -> Bool? {
        guard isWithoutUSD else { return nil }
        if hasSpentItsDIEM { return false }
        switch accountDIEM {
        case .exhausted: return false
        // A limit of 0 DIEM may mean that the key has none to spend, or that it has no limit.
        case .available: return diemLimit == 0 ? nil : true
        case .unknown: return nil
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
