import ConfigReading

/// Reads the section `owners`.
struct OwnersSection {
    /// A claim with the value that states it, for problems.
    private struct Stated {
        let claim: Owners.Claim
        let value: ConfigurationValue

        var line: Int { value.node.mark?.line ?? 0 }
    }

    /// The names of the configured accounts, valid or not.
    let accountNames: [String]
    /// The accounts that are valid.
    let accounts: [AccountConfiguration]

    /// Reads the section; no owners if it is missing.
    func read(_ section: ConfigurationValue?) -> Owners {
        let stated = (section?.list(of: "owners") ?? []).flatMap(claims)
        if rejectTies(stated) == 0 { rejectMergedKeys(stated) }
        warnOfMissingViews(stated)
        return Owners(stated.map(\.claim))
    }

    private func claims(_ item: ConfigurationValue) -> [Stated] {
        guard let mapping = item.mapping() else { return [] }
        mapping.rejectUnknownKeys(known: ["name", "cost_center", "accounts", "keys"])
        let name = mapping.required("name").flatMap { $0.label() }
        let costCenter = mapping["cost_center"].flatMap { $0.label() } ?? ""
        if mapping["accounts"] == nil, mapping["keys"] == nil {
            item.problem("an owner needs accounts, keys or both")
        }
        let accounts = names(mapping["accounts"], of: "accounts", read: account)
        let keys = names(mapping["keys"], of: "keys") { $0.label() }
        // Without one of its lists the entry would claim more than it states.
        guard let name, let accounts, let keys else { return [] }
        let owner = Owner(name: name, costCenter: costCenter)
        let restriction = Set(accounts.map(\.text))
        guard keys.isEmpty else {
            return keys.map { key in
                let claim = Owners.Claim(owner, accounts: restriction, keys: NamePattern(key.text))
                return Stated(claim: claim, value: key.value)
            }
        }
        // One claim per account, so that a problem can name the account's position.
        return accounts.map { account in
            Stated(claim: Owners.Claim(owner, accounts: [account.text]), value: account.value)
        }
    }

    /// Reads a list of names; empty if it is missing, nil if it is not a valid list with at least one name.
    private func names(
        _ value: ConfigurationValue?, of what: String, read: (ConfigurationValue) -> String?
    ) -> [(text: String, value: ConfigurationValue)]? {
        guard let value else { return [] }
        guard let items = value.list(of: what) else { return nil }
        var names: [(text: String, value: ConfigurationValue)] = []
        for item in items {
            guard let text = read(item) else { continue }
            if names.contains(where: { $0.text == text }) {
                item.problem("\(QuotedValue.text(text)) is listed twice: keep one")
            } else {
                names.append((text, item))
            }
        }
        if items.isEmpty { value.problem("expected at least one of the \(what), or no key `\(what)`") }
        return names.isEmpty ? nil : names
    }

    private func account(_ value: ConfigurationValue) -> String? {
        guard let name = value.text("the name of an account") else { return nil }
        guard !accountNames.contains(name) else { return name }
        let hint =
            NearestName.suggestion(for: name, among: accountNames).map { "did you mean `\($0)`?" }
            ?? "the accounts are \(accountNames.joined(separator: ", "))"
        value.problem("no account \(QuotedValue.text(name)) is configured: \(hint)")
        return nil
    }

    /// Reports keys and accounts that two owners have in the same way.
    ///
    /// - Returns: the number of reported claims.
    private func rejectTies(_ stated: [Stated]) -> Int {
        var reported = 0
        // Claims tie only with claims that list the same key, with other patterns, or with other accounts.
        let kinds = Dictionary(grouping: stated) { stated -> String? in
            guard let keys = stated.claim.keys else { return nil }
            return keys.isLiteral ? keys.text : "*"
        }
        for group in kinds.values {
            for (index, second) in group.enumerated() {
                let first = group[..<index].first { first in
                    first.claim.owner != second.claim.owner && first.claim.ties(with: second.claim)
                }
                guard let first else { continue }
                second.value.problem(Self.message(first, second))
                reported += 1
            }
        }
        return reported
    }

    private static func message(_ first: Stated, _ second: Stated) -> String {
        let owners = "\(describe(first.claim.owner)) on line \(first.line) and \(describe(second.claim.owner))"
        guard let pattern = second.claim.keys, let other = first.claim.keys else {
            let account = QuotedValue.text(second.claim.accounts.first ?? "")
            return "account \(account) has two owners, \(owners): keep one of them, or list `keys` in one of them"
        }
        let scope = second.claim.accounts.intersection(first.claim.accounts).sorted().map(QuotedValue.text)
        let place = scope.isEmpty ? "" : " of account\(scope.count > 1 ? "s" : "") \(scope.joined(separator: ", "))"
        let wayOut = scope.isEmpty ? "restrict one of them to `accounts`" : "restrict them to different accounts"
        guard pattern != other else {
            return
                "\(QuotedValue.text(pattern.text))\(place) has two owners, \(owners): keep one of them, or \(wayOut)"
        }
        let patterns = "\(QuotedValue.text(other.text)) and \(QuotedValue.text(pattern.text))"
        return
            "a key\(place) that matches both \(patterns) has two owners, \(owners): make the patterns narrower, or \(wayOut)"
    }

    /// Reports keys of different owners that `labels.rename` gives one name, because their series are then one.
    private func rejectMergedKeys(_ stated: [Stated]) {
        let owners = Owners(stated.map(\.claim))
        for account in accounts {
            let renamed = Dictionary(grouping: account.labels.rename["key", default: [:]]) { $0.value }
            for (shown, names) in renamed.sorted(by: { $0.key < $1.key }) {
                let owned = (names.map(\.key).sorted() + [shown]).flatMap { key in
                    owners.strongest(account: account.name, key: key, shownAs: shown).map { (key: key, claim: $0) }
                }
                guard let first = owned.first,
                    let other = owned.first(where: { $0.claim.owner != first.claim.owner })
                else { continue }
                let keys = first.key == other.key ? [first.key] : [first.key, other.key]
                let quoted = keys.map(QuotedValue.text).joined(separator: " and ")
                stated.first { $0.claim == other.claim }?.value.problem(
                    "labels.rename exports key\(keys.count > 1 ? "s" : "") \(quoted) of account "
                        + "\(QuotedValue.text(account.name)) as \(QuotedValue.text(shown)), which then has two owners, "
                        + "\(Self.describe(first.claim.owner)) and \(Self.describe(other.claim.owner)): "
                        + "keep one of them")
            }
        }
    }

    /// Warns of an entry whose keys have no cost, because none of its accounts reports cost by key.
    private func warnOfMissingViews(_ stated: [Stated]) {
        let whole = accounts.filter { account in
            !account.isCostReportedByKey && account.unconnectedSources.contains(where: \.reportsCost)
        }.map(\.name)
        let entries = Dictionary(grouping: stated.filter { $0.claim.keys != nil }) {
            Owners.Claim($0.claim.owner, accounts: $0.claim.accounts)
        }
        for entry in entries.values {
            guard let first = entry.first else { continue }
            let listed = first.claim.accounts
            let names = whole.filter { listed.isEmpty || listed.contains($0) }
            guard !names.isEmpty, !listed.isEmpty || names.count == accountNames.count else { continue }
            first.value.log.warning(
                "no cost counts for these keys in account\(names.count > 1 ? "s" : "") \(names.joined(separator: ", ")), "
                    + "because it is not reported by key: all of it belongs to the account's owner, if it has one; the "
                    + "page of the provider says which config key adds cost by key, if the provider has it",
                at: first.value.node.mark?.place, path: first.value.path)
        }
    }

    private static func describe(_ owner: Owner) -> String {
        let name = QuotedValue.text(owner.name)
        return owner.costCenter.isEmpty ? name : "\(name) (\(owner.costCenter))"
    }
}
