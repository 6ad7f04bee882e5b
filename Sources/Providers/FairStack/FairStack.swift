import UsageModel
import Upstream

/// FairStack: cost and generations by key, model, modality and UTC day, failures, top-ups and refunds, the balance and
/// its caps.
package enum FairStack: Provider {
    /// `fairstack`.
    package static let name = "fairstack"

    /// The address in FairStack's documentation.
    package static let defaultBaseURL = "https://api.fairstack.ai"

    /// FairStack takes 60 requests a minute from a key (a public source, not its documentation); some are left to whoever
    /// else uses the key.
    package static let requestsPerMinute: Int? = 50

    /// `usage` (with `daily`), `transactions` and `credits`.
    package static func sources(for account: ProviderAccount) -> [any UsageSource] {
        // Without an id the API cannot be asked for a key's part.
        let keys = account.options.keys.compactMap { key in key.id.map { FairStackKey(id: $0, name: key.name) } }
        return [
            FairStackUsageSource(api: account.api(for: FairStackUsageSource.endpoint), keys: keys),
            FairStackTransactionsSource(api: account.api(for: FairStackTransactionsSource.endpoint)),
            FairStackCreditsSource(api: account.api(for: FairStackCreditsSource.endpoint)),
        ]
    }
}

/// A key whose usage is read apart.
struct FairStackKey: Hashable, Codable {
    /// What `key_id` asks for.
    let id: String
    /// How labels call it.
    let name: String
}
