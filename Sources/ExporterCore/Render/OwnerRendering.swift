import UsageLedger
import UsageModel

/// Renders who owns an account's keys: `genai_key_owner_info`, for each key of its series and of `genai_key_info`.
struct OwnerRendering {
    private let account: String
    private let view: LabelView
    private var owners: Owners
    /// Keys of the ledger's series, as the provider names them.
    private var usedKeys: Set<String> = []
    /// Keys of `genai_key_info`, as the provider names them.
    private var listedKeys: Set<String> = []
    private var isChanged = true

    init(account: String, view: LabelView, owners: Owners) {
        self.account = account
        self.view = view
        self.owners = owners
    }

    /// Replaces the owners, and removes every key, so that all series are applied again.
    ///
    /// - Returns: whether the owners differ.
    mutating func replace(_ newest: Owners) -> Bool {
        guard newest != owners else { return false }
        owners = newest
        begin()
        return true
    }

    /// Removes the keys of all series, so that they are applied again.
    mutating func begin() {
        usedKeys = []
        isChanged = true
    }

    /// Applies series of the ledger.
    mutating func take(_ totals: [SeriesTotal]) {
        guard !owners.claims.isEmpty else { return }
        for total in totals {
            let names = total.family.labelNames
            guard let index = names.firstIndex(of: "key") else { continue }
            let isOverflow = view.isOverflow(total)
            if !isOverflow { insert(total.labels[index]) }
            // What is folded into a model of that name is served without its key.
            if isOverflow || !total.elsewhere.isZero, names.contains("model") { insert("") }
        }
    }

    private mutating func insert(_ key: String) {
        if usedKeys.insert(key).inserted { isChanged = true }
    }

    /// Applies the keys that the provider lists.
    mutating func take(listed keys: Set<String>) {
        guard keys != listedKeys else { return }
        listedKeys = keys
        isChanged = true
    }

    /// The gauge, with the provider's names of the keys; nil if it is the same as at the last call.
    mutating func gauge() -> [GaugeSample]? {
        guard isChanged else { return nil }
        isChanged = false
        return usedKeys.union(listedKeys).sorted().compactMap { key in
            let shown = view.shown([key], of: ["key"])[0]
            return owners.owner(account: account, key: key, shownAs: shown).map { owner in
                GaugeSample([key, owner.name, owner.costCenter], 1)
            }
        }
    }
}
