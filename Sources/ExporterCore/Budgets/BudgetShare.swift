import UsageLedger
import UsageModel

/// One account's share of a budget: the sums of the series that count in it.
///
/// | filter | series that count | unattributed |
/// |---|---|---|
/// | none of the below | cost | – |
/// | `model` | cost of the models | cost without a model |
/// | `key`, or an owner of keys | cost by key | cost less what is split by key |
/// | an owner of the account, less the keys of others | cost less the cost of those keys | – |
/// | an owner of the account and `model`, without cost by key | cost of the models | cost without a model |
/// | `key`, or an owner, and `model` | cost of both | cost that lacks one of them and may be meant |
/// | `modality` | cost by modality | cost less what is split by modality |
struct BudgetShare {
    /// The families of one unit.
    private struct Families {
        let money: Set<LedgerFamily>
        /// Money by key: another view where the provider does not split the first by key.
        let byKey: Set<LedgerFamily>

        static let usd = Families(money: [.cost, .estimatedCost], byKey: [.keyCost, .estimatedCost])
        static let credits = Families(money: [.credits], byKey: [.keyCredits])
    }

    /// The views of cost by key, in USD and credits.
    static let viewsByKey = Families.usd.byKey.union(Families.credits.byKey)

    /// How a series counts.
    private struct Weight {
        /// 1 to add to what is spent, −1 to subtract.
        var spent = 0
        /// The same for what is unattributed.
        var unattributed = 0
    }

    private struct Entry {
        let weight: Weight
        let key: String
        let model: String
        var sums = BudgetSums()
    }

    let budget: Budget
    /// Selects keys by their owner, and "" for what has no key; nil if the budget has no owner, or one that has the whole
    /// account.
    private let ownsKey: (@Sendable (String) -> Bool)?
    /// Whether what has no key belongs to another owner, so that none of it is unattributed.
    private let hasOtherRest: Bool
    /// Whether the provider reports cost by key. If not, cost of a model without a key belongs to the owner of the rest.
    private let isReportedByKey: Bool
    private let shown: @Sendable (_ key: String, _ model: String) -> [String]
    private let families: Families
    private var entries: [Int64: Entry] = [:]
    /// Series that count for nothing.
    private var ignored: Set<Int64> = []
    private var sums = BudgetSums()
    private var unattributed = ExactDecimal.zero
    /// - Parameter shown: returns the labels under which a key and a model are served: a filter may name either.
    init(
        _ budget: Budget, ownsKey: (@Sendable (String) -> Bool)?, hasOtherRest: Bool = false,
        isReportedByKey: Bool = true,
        shown: @escaping @Sendable (_ key: String, _ model: String) -> [String] = { [$0, $1] }
    ) {
        self.shown = shown
        self.budget = budget
        self.hasOtherRest = hasOtherRest
        self.isReportedByKey = isReportedByKey
        self.ownsKey = ownsKey
        families = budget.unit == nil ? .usd : .credits
    }

    private var splitsByKey: Bool { budget.filter.key != nil || ownsKey != nil }

    /// Whether usage may be unattributed.
    private var isSplit: Bool { splitsByKey && !hasRest || budget.filter.model != nil || budget.filter.modality != nil }

    /// The other views of cost that must be known.
    var views: Set<LedgerFamily> {
        if budget.filter.modality != nil { return [.modalityCost] }
        return splitsByKey && budget.filter.model == nil ? families.byKey : []
    }

    /// Whether the usage of a key must be known: without a filter by key, or for the rest of an account, that of every key.
    func needs(key: String) -> Bool { !splitsByKey || hasRest || selects(key: key) }

    /// Removes every series, so that all sums are applied again, as on a new day.
    mutating func begin() {
        (entries, ignored) = ([:], [])
        (sums, unattributed) = (BudgetSums(), .zero)
    }

    /// Applies the sums of a series that changed.
    mutating func take(_ total: SeriesTotal, _ new: BudgetSums) {
        guard !ignored.contains(total.id) else { return }
        guard var entry = entries[total.id] ?? self.entry(of: total) else {
            ignored.insert(total.id)
            return
        }
        sums.spent += (new.spent - entry.sums.spent) * entry.weight.spent
        sums.recent += (new.recent - entry.sums.recent) * entry.weight.spent
        unattributed += (new.spent - entry.sums.spent) * entry.weight.unattributed
        entry.sums = new
        entries[total.id] = entry
    }

    private func entry(of total: SeriesTotal) -> Entry? {
        func label(_ name: String) -> String {
            total.family.labelNames.firstIndex(of: name).map { total.labels[$0] } ?? ""
        }
        if let unit = budget.unit, label("unit") != unit { return nil }
        let (key, model) = (label("key"), label("model"))
        let weight = weight(of: total.family, key: key, model: model, modality: label("modality"))
        guard weight.spent != 0 || weight.unattributed != 0 else { return nil }
        return Entry(weight: weight, key: key, model: model)
    }

    private func weight(of family: LedgerFamily, key: String, model: String, modality: String) -> Weight {
        let isMoney = families.money.contains(family)
        if let filter = budget.filter.modality {
            let isNamed = family == .modalityCost && !modality.isEmpty
            return Weight(
                spent: isNamed && filter.matches(modality) ? 1 : 0, unattributed: isMoney ? 1 : isNamed ? -1 : 0)
        }
        if splitsByKey, budget.filter.model == nil {
            let isNamed = families.byKey.contains(family) && !key.isEmpty
            if hasRest { return Weight(spent: (isMoney ? 1 : 0) - (isNamed && !selects(key: key) ? 1 : 0)) }
            return Weight(
                spent: isNamed && selects(key: key) ? 1 : 0, unattributed: (isMoney ? 1 : 0) - (isNamed ? 1 : 0))
        }
        guard isMoney else { return Weight() }
        let mayBeKey = !splitsByKey || key.isEmpty || selects(key: key)
        let mayBeModel = model.isEmpty || selects(model: model)
        guard mayBeKey, mayBeModel else { return Weight() }
        // Cost of a model without a key may be of any key, also where the owner has the rest.
        let isKeyKnown = !splitsByKey || !key.isEmpty || hasRest && !isReportedByKey
        let isKnown = isKeyKnown && (budget.filter.model == nil || !model.isEmpty)
        return isKnown ? Weight(spent: 1) : Weight(unattributed: 1)
    }

    private func selects(key: String) -> Bool {
        budget.filter.key.map { $0.matches(key) || $0.matches(shown(key, "")[0]) } ?? true && ownsKey?(key) ?? true
    }

    private func selects(model: String) -> Bool {
        budget.filter.model.map { $0.matches(model) || $0.matches(shown("", model)[1]) } ?? true
    }

    /// Whether the owner has what no key is known of.
    var hasRest: Bool { budget.filter.key == nil && ownsKey?("") == true }

    /// The sums of the period and of the days of the pace.
    ///
    /// - Parameter known: whether the usage of these spans was read completely.
    func part(on day: UTCDay, knowing known: (period: Bool, recent: Bool)) -> BudgetPart {
        var spenders: [BudgetPart.Spender: ExactDecimal] = [:]
        // The cost of the rest is a difference, which no series has.
        for entry in entries.values where !hasRest && entry.weight.spent > 0 {
            guard !(entry.key.isEmpty && entry.model.isEmpty) else { continue }
            let spender = BudgetPart.Spender(
                labels: [entry.key, entry.model], shown: shown(entry.key, entry.model))
            spenders[spender, default: .zero] += entry.sums.spent
        }
        return BudgetPart(
            day: day,
            // Cost by key may exceed the cost, where a provider includes credits in it.
            spent: known.period ? max(sums.spent, .zero) : nil, recent: known.recent ? max(sums.recent, .zero) : nil,
            unattributed: known.period && isSplit
                ? (hasOtherRest && budget.filter.model == nil ? .zero : max(unattributed, .zero)) : nil,
            spenders: spenders.filter { $0.value > .zero })
    }
}

/// The sums of a series, or of a budget's share, in the budget's unit.
struct BudgetSums {
    /// In the current period.
    var spent = ExactDecimal.zero
    /// In the days that determine the pace.
    var recent = ExactDecimal.zero
}

/// The part of a budget that one account reports.
struct BudgetPart: Sendable, Equatable {
    /// A key and a model that spent.
    struct Spender: Sendable, Hashable {
        /// As the provider names them.
        let labels: [String]
        /// As they are served.
        let shown: [String]
    }

    /// The day on which the sums were computed.
    let day: UTCDay
    /// In the current period; nil if not all of it is known.
    let spent: ExactDecimal?
    /// In the days that determine the pace; nil if not all of them are known.
    let recent: ExactDecimal?
    /// Usage that may belong to the budget, but is not split by the provider; nil if everything is.
    let unattributed: ExactDecimal?
    /// Amounts spent by key and model.
    let spenders: [Spender: ExactDecimal]
}
