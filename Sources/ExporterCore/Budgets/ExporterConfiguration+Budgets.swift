extension ExporterConfiguration {
    /// The accounts whose usage may count in a budget.
    func accounts(of budget: Budget) -> [AccountConfiguration] {
        accounts.filter { budget.filter.mayCount($0, owners: owners) }
    }

    /// An account's shares of the budgets.
    ///
    /// - Parameter view: the labels under which the account's keys are served, which the entries of `owners` may list.
    func budgetShares(of account: AccountConfiguration, view: LabelView) -> [BudgetShare] {
        let shown: @Sendable (String, String) -> [String] = { view.shown([$0, $1], of: ["key", "model"]) }
        return budgets.compactMap { budget in
            guard accounts(of: budget).contains(where: { $0.name == account.name }) else { return nil }
            guard let owner = budget.filter.owner, owners.haveKeys(of: account.name) else {
                return BudgetShare(budget, ownsKey: nil, shown: shown)
            }
            let rest = owners.owner(account: account.name, key: "", shownAs: "")
            return BudgetShare(
                budget,
                ownsKey: { [owners, name = account.name] key in
                    let shown = view.shown([key], of: ["key"])
                    let found = owners.owner(account: name, key: key, shownAs: shown.first ?? key)
                    return found.map { owner.matches($0.name) } ?? false
                }, hasOtherRest: rest.map { !owner.matches($0.name) } ?? false,
                isReportedByKey: account.isCostReportedByKey, shown: shown)
        }
    }
}

extension AccountConfiguration {
    /// Whether a source of the account reports cost by key.
    var isCostReportedByKey: Bool {
        unconnectedSources.contains { !$0.costViews.isDisjoint(with: BudgetShare.viewsByKey) }
    }
}

extension BudgetFilter {
    /// Whether usage of an account may count.
    func mayCount(_ account: AccountConfiguration, owners: Owners) -> Bool {
        selects(provider: account.provider.name, account: account.name)
            && owner.map { owners.mayBelong(account.name, to: $0) } ?? true
    }
}

extension Owners {
    /// Whether an owner may have something of an account.
    func mayBelong(_ account: String, to owner: NamePattern) -> Bool {
        claims.contains { owner.matches($0.owner.name) && ($0.accounts.isEmpty || $0.accounts.contains(account)) }
    }

    /// Whether an account as a whole belongs to an owner.
    func account(_ account: String, belongsTo pattern: NamePattern) -> Bool {
        guard let found = owner(account: account, key: "", shownAs: "") else { return false }
        return pattern.matches(found.name)
    }

    /// Whether single keys of an account have owners.
    fileprivate func haveKeys(of account: String) -> Bool {
        claims.contains { $0.keys != nil && ($0.accounts.isEmpty || $0.accounts.contains(account)) }
    }
}
