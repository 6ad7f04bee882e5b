/// An owner of keys: a team, and the cost center that its cost is booked on.
package struct Owner: Sendable, Hashable {
    /// The label `owner`.
    package let name: String
    /// The label `cost_center`; empty if none is configured.
    package let costCenter: String

    package init(name: String, costCenter: String = "") {
        self.name = name
        self.costCenter = costCenter
    }
}

/// The section `owners`: which owner has which keys.
///
/// Of the entries that match a key the most specific one counts: one that lists the key literally, then one with a
/// pattern (of two patterns the one that the other covers, as `*` covers `ci-*`), then one with the account only. Of
/// two that are equal in this, an entry that is restricted to accounts counts. Two owners never have a key in the same
/// way, because the config is then refused.
package struct Owners: Sendable, Hashable {
    /// One key pattern of an entry, or an entry without `keys`.
    package struct Claim: Sendable, Hashable {
        package let owner: Owner
        /// The accounts that it is restricted to; empty for all accounts.
        package let accounts: Set<String>
        /// The keys; nil for everything in the accounts, with and without a key.
        package let keys: NamePattern?

        package init(_ owner: Owner, accounts: Set<String> = [], keys: NamePattern? = nil) {
            self.owner = owner
            self.accounts = accounts
            self.keys = keys
        }
    }

    /// In the order of the file.
    package let claims: [Claim]

    package init(_ claims: [Claim] = []) {
        self.claims = claims
    }

    /// Finds the owner of a key.
    ///
    /// - Parameters:
    ///   - account: the account's name.
    ///   - key: the key as the provider names it; empty for usage that the provider reports without a key, which belongs
    ///     to the owner of the account.
    ///   - shown: the key as it is exported. An entry may list either name.
    /// - Returns: the owner; nil if the key has none.
    package func owner(account: String, key: String, shownAs shown: String) -> Owner? {
        strongest(account: account, key: key, shownAs: shown).first?.owner
    }

    /// The claims of a key than which no other claim of it is more specific, in the order of the file.
    func strongest(account: String, key: String, shownAs shown: String) -> [Claim] {
        let matching = claims.filter { $0.matches(account: account, key: key, shownAs: shown) }
        return matching.filter { claim in !matching.contains { $0.isMoreSpecific(than: claim) } }
    }
}

extension Owners.Claim {
    fileprivate func matches(account: String, key: String, shownAs shown: String) -> Bool {
        guard accounts.isEmpty || accounts.contains(account) else { return false }
        guard let keys else { return true }
        return !key.isEmpty && (keys.matches(key) || keys.matches(shown))
    }

    /// Returns whether this claim counts where both match.
    fileprivate func isMoreSpecific(than other: Self) -> Bool {
        if rank != other.rank { return rank > other.rank }
        if let keys, let others = other.keys {
            let (isWider, isNarrower) = (keys.covers(others), others.covers(keys))
            if isWider != isNarrower { return isNarrower }
        }
        return !accounts.isEmpty && other.accounts.isEmpty
    }

    /// How closely the claim identifies a key.
    private var rank: Int {
        guard let keys else { return 0 }
        return keys.isLiteral ? 2 : 1
    }

    /// Whether another claim matches some key in the same way, so that neither is more specific.
    func ties(with other: Self) -> Bool {
        guard accounts.isEmpty == other.accounts.isEmpty, accounts.isEmpty || !accounts.isDisjoint(with: other.accounts)
        else { return false }
        guard let keys, let others = other.keys else { return keys == nil && other.keys == nil }
        return keys.isLiteral == others.isLiteral && keys.overlaps(others)
            && keys.covers(others) == others.covers(keys)
    }
}
