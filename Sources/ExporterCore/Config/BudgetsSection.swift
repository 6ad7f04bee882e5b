import ConfigReading
import Providers
import Upstream
import UsageModel

/// Reads the section `budgets`, and the key `budget` of accounts.
struct BudgetsSection {
    /// The accounts that are valid.
    let accounts: [AccountConfiguration]
    let owners: Owners
    /// How long daily sums are kept.
    let retention: Duration

    /// Reads the budgets.
    ///
    /// - Parameter items: the items of the section `accounts`.
    func read(_ section: ConfigurationValue?, ofAccounts items: [ConfigurationValue]) -> [Budget] {
        var budgets: [Budget] = []
        var lines: [String: Int] = [:]
        func add(_ budget: Budget, at value: ConfigurationValue) {
            if let line = lines[budget.name] {
                value.problem("duplicate budget \(QuotedValue.text(budget.name)): the other is on line \(line)")
            } else {
                lines[budget.name] = value.node.mark?.line ?? 0
                budgets.append(budget)
            }
        }
        for item in items {
            guard case .mapping = item.node, let mapping = item.mapping(), let value = mapping["budget"] else {
                continue
            }
            let limit = monthlyLimit(value)
            guard case .scalar(let name)? = mapping["name"]?.node, let limit else { continue }
            add(.monthly(limit, account: name.string), at: value)
        }
        for item in section?.list(of: "budgets") ?? [] {
            guard let mapping = item.mapping() else { continue }
            if let budget = budget(mapping) { add(budget, at: mapping["name"] ?? item) }
        }
        return budgets
    }

    private func monthlyLimit(_ value: ConfigurationValue) -> ExactDecimal? {
        guard let budget = value.mapping() else { return nil }
        budget.rejectUnknownKeys(known: ["monthly_usd"])
        rejectTooLong(.month, at: value)
        return budget.required("monthly_usd")?.amount(Self.expectedUSD, where: Self.isLimit)
    }

    private static let expectedUSD = "an amount of USD of at least 0.01, such as 500"

    private static func isLimit(_ amount: ExactDecimal) -> Bool { amount >= ExactDecimal(micros: 10_000) }

    private func budget(_ mapping: ConfigurationMapping) -> Budget? {
        mapping.rejectUnknownKeys(known: ["name", "usd", "credits", "unit", "period", "where", "thresholds"])
        let name = mapping.required("name").flatMap { $0.label() }
        let limit = limit(mapping)
        let period = mapping.required("period").flatMap { self.period($0) }
        let filter = mapping["where"].map { self.filter($0, isUSD: limit?.unit == nil) } ?? BudgetFilter()
        let thresholds = mapping["thresholds"].map(thresholds) ?? BudgetThreshold.standard
        guard let name, let limit, let period, let filter else { return nil }
        let budget = Budget(
            name: name, limit: limit.amount, unit: limit.unit, period: period, filter: filter, thresholds: thresholds)
        warnOfMissingViews(budget, mapping)
        return budget
    }

    private func limit(_ mapping: ConfigurationMapping) -> (amount: ExactDecimal, unit: String?)? {
        switch (mapping["usd"], mapping["credits"]) {
        case (let usd?, nil):
            mapping["unit"]?.problem("`unit` belongs to `credits`; a budget of `usd` has none")
            return usd.amount(Self.expectedUSD, where: Self.isLimit).map { ($0, nil) }
        case (nil, let credits?):
            let amount = credits.amount("a number above 0, such as 20") { $0 > .zero }
            let unit = mapping.required("unit").flatMap { $0.label() }
            guard let amount, let unit else { return nil }
            return (amount, unit.lowercased())
        case (nil, nil):
            mapping.value.problem("a budget needs `usd`, or `credits` with their `unit`")
        case (_?, let credits?):
            credits.problem("a budget has `usd` or `credits`, not both: make two budgets")
        }
        return nil
    }

    private func period(_ value: ConfigurationValue) -> BudgetPeriod? {
        let names: [String: BudgetPeriod] = ["day": .day, "week": .week, "month": .month]
        var period: BudgetPeriod?
        if case .mapping = value.node, let mapping = value.mapping() {
            mapping.rejectUnknownKeys(known: ["every", "from"])
            let every = mapping.required("every")
            let from = mapping.required("from")?.day()
            guard let every, let length = every.duration(in: .days(1)...(.days(3660)), example: "14d"), let from else {
                return nil
            }
            let (days, rest) = length.components.seconds.quotientAndRemainder(dividingBy: 86_400)
            guard rest == 0 else {
                every.problem("a period is a number of whole days, such as 14d")
                return nil
            }
            period = .every(days: Int(days), from: from)
        } else if case .sequence = value.node {
            value.problem("expected day, week, month or { every: 14d, from: 2026-11-01 }")
        } else {
            period = value.choice(of: ["day", "week", "month"]).flatMap { names[$0] }
        }
        if let period { rejectTooLong(period, at: value) }
        return period
    }

    /// Reports a period that is longer than daily sums are kept: it never is complete.
    private func rejectTooLong(_ period: BudgetPeriod, at value: ConfigurationValue) {
        let isMonth = period == .month
        let needed = isMonth ? LedgerBeginning.monthlyRetention : Duration.days(period.mostDays + 1)
        guard retention < needed else { return }
        let least = isMonth ? LedgerBeginning.monthlyRetentionText : "\(period.mostDays + 1)d"
        let what = isMonth ? "a monthly budget" : "this period"
        value.problem("\(what) needs global.retention of at least \(least); it is \(DurationNotation.text(retention))")
    }

    private func thresholds(_ value: ConfigurationValue) -> [BudgetThreshold] {
        var thresholds: [BudgetThreshold] = []
        for item in value.list(of: "thresholds") ?? [] {
            let expected = "a share of the limit such as 80%, with at most two decimals"
            guard let text = item.text(expected) else { continue }
            guard let threshold = BudgetThreshold(text) else {
                item.problem("expected \(expected), got \(QuotedValue.text(text))")
                continue
            }
            if thresholds.contains(threshold) {
                item.problem("\(threshold.text) is listed twice: keep one")
            } else {
                thresholds.append(threshold)
            }
        }
        return thresholds.sorted { $0.basisPoints < $1.basisPoints }
    }

    private func filter(_ value: ConfigurationValue, isUSD: Bool) -> BudgetFilter? {
        guard let mapping = value.mapping() else { return nil }
        mapping.rejectUnknownKeys(known: ["provider", "account", "key", "model", "modality", "owner"])
        func pattern(_ key: String) -> NamePattern? { mapping[key].flatMap { $0.label() }.map(NamePattern.init) }
        var filter = BudgetFilter(account: pattern("account"))
        filter.provider = pattern("provider")
        filter.key = pattern("key")
        filter.model = pattern("model")
        filter.modality = pattern("modality")
        filter.owner = pattern("owner")
        for other in ["key", "model", "owner"] where filter.modality != nil {
            mapping[other]?.problem(
                "`\(other)` cannot be combined with `modality`: providers report cost by modality only without them")
        }
        if !isUSD {
            mapping["modality"]?.problem("`modality` needs a budget in `usd`: providers report no credits by modality")
        }
        rejectUnmatched(filter, mapping)
        return filter
    }

    /// Reports filters that no account can match.
    private func rejectUnmatched(_ filter: BudgetFilter, _ mapping: ConfigurationMapping) {
        func reject(_ key: String, _ pattern: NamePattern?, _ what: String, among names: [String]) -> Bool {
            guard let pattern, !names.contains(where: pattern.matches) else { return false }
            // A star would only lengthen the distance.
            let plain = pattern.text.filter { $0 != "*" }
            let known = Set(names).sorted().joined(separator: ", ")
            let hint =
                NearestName.suggestion(for: plain, among: names).map { "did you mean `\($0)`?" }
                ?? (names.isEmpty ? "the config has none" : "expected one of \(known)")
            mapping[key]?.problem("no \(what) matches \(QuotedValue.text(pattern.text)): \(hint)")
            return true
        }
        // Invalid accounts are reported already.
        guard !accounts.isEmpty else { return }
        let isReported = [
            reject("provider", filter.provider, "account's provider", among: accounts.map(\.provider.name)),
            reject("account", filter.account, "account", among: accounts.map(\.name)),
            reject("owner", filter.owner, "owner", among: owners.claims.map(\.owner.name)),
        ]
        guard !isReported.contains(true) else { return }
        let selected = accounts.filter { filter.selects(provider: $0.provider.name, account: $0.name) }
        if selected.isEmpty {
            mapping.value.problem("no account matches both `provider` and `account`")
        } else if let owner = filter.owner, !selected.contains(where: { owners.mayBelong($0.name, to: owner) }) {
            mapping["owner"]?.problem(
                "owner \(QuotedValue.text(owner.text)) has none of the accounts that the budget selects: "
                    + selected.map(\.name).joined(separator: ", "))
        }
    }

    /// Warns if no selected account reports the view of cost that a budget counts, so that it would always be 0 or absent.
    private func warnOfMissingViews(_ budget: Budget, _ mapping: ConfigurationMapping) {
        let selected = accounts.filter { budget.filter.mayCount($0, owners: owners) }
        guard !selected.isEmpty else { return }
        let sources = selected.flatMap(\.unconnectedSources)
        func warn(_ what: String, at value: ConfigurationValue?) {
            let value = value ?? mapping.value
            let names = selected.map(\.name).joined(separator: ", ")
            value.log.warning(
                "nothing can count in this budget, because no account that it selects (\(names)) reports \(what); "
                    + "the page of its provider says which config key adds it, if the provider has it",
                at: value.node.mark?.place, path: value.path)
        }
        let filter = mapping["where"]?.mapping()
        // An owner who has no account as a whole has only what is reported by key.
        var ownsKey: (@Sendable (String) -> Bool)?
        if let owner = budget.filter.owner, !selected.contains(where: { owners.account($0.name, belongsTo: owner) }) {
            ownsKey = { _ in false }
        }
        let views = BudgetShare(budget, ownsKey: ownsKey).views
        if !sources.contains(where: \.reportsCost) {
            warn("cost", at: nil)
        } else if !views.isEmpty, sources.allSatisfy({ $0.costViews.isDisjoint(with: views) }) {
            if budget.filter.modality == nil {
                warn("cost by key", at: filter?["key"] ?? filter?["owner"])
            } else {
                warn("cost by modality", at: filter?["modality"])
            }
        }
    }
}
