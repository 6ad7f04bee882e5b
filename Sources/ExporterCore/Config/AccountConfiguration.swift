import Upstream
import UsageModel

/// One account as the config file describes it, with everything it inherits from `global` filled in.
package struct AccountConfiguration: Sendable, Hashable {
    /// The label `account`: unique, `[A-Za-z0-9._-]{1,64}`.
    package var name: String
    /// Whose API it is.
    package var provider: ProviderName
    /// The API key; nil for CheapestInference, which has a management key and keys of its own instead.
    package var credential: SecretSource?
    /// CheapestInference's management key.
    package var managementKey: SecretSource?
    /// FairStack's keys to tell apart, or CheapestInference's consumption keys.
    package var keys: [KeyConfiguration] = []
    /// CheapestInference's keys to read; empty for every key of the account.
    package var keyIDs: [String] = []
    /// Venice's billing endpoint.
    package var endpoint: VeniceEndpoint = .auto
    /// The bots of useapi.net whose statistics are read.
    package var bots: [String] = []
    /// USD a successful request by model: estimates for useapi.net, which reports no cost.
    package var prices: [String: ExactDecimal] = [:]
    /// Whether WaveSpeed is asked for the success of each model: one more request a changed model.
    package var successByModel = true
    /// A budget of our own in USD a calendar month (UTC).
    package var monthlyBudget: ExactDecimal?
    /// Where the API is, without a slash at its end; nil for the provider's own address.
    package var baseURL: String?
    /// Whether an `http://` address beyond loopback is allowed.
    package var allowInsecure = false
    /// How often the account's sources are read.
    package var syncInterval: Duration = GlobalConfiguration.standard.syncInterval
    /// Whether `sync_interval` stands on the account itself: it may then go below a source's floor.
    package var isSyncIntervalOwn = false
    /// The longest that one upstream request may take.
    package var timeout: Duration = GlobalConfiguration.standard.timeout
    /// How long before the first sync the ledger begins, where `ledgerStart` is nil.
    package var history: Duration = GlobalConfiguration.standard.history
    /// The day the ledger begins; nil where `history` says it.
    package var ledgerStart: UTCDay?
    /// The most series that the account may have.
    package var seriesLimit: Int = GlobalConfiguration.standard.seriesLimit
    /// How label values are shown.
    package var labels = LabelOptions()
    /// The proxy for this account's requests, its own or the environment's; nil for none.
    package var proxy: ProxyServer?
    /// Absolute or working-directory path of a PEM file with the certificate authorities to trust.
    package var caFile: String?

    /// An account with everything that is not required at its default.
    package init(name: String, provider: ProviderName, credential: SecretSource? = nil) {
        self.name = name
        self.provider = provider
        self.credential = credential
    }
}

/// One key of an account that the config file names.
package struct KeyConfiguration: Sendable, Hashable {
    /// The label `key`.
    package var name: String
    /// The provider's id of the key (FairStack).
    package var id: String?
    /// The key itself (CheapestInference).
    package var credential: SecretSource?

    /// A key of an account.
    package init(name: String, id: String? = nil, credential: SecretSource? = nil) {
        self.name = name
        self.id = id
        self.credential = credential
    }
}

/// The providers that an account can be of: the values of `provider:` in the config file and of the label `provider`.
package enum ProviderName: String, Sendable, Hashable, CaseIterable {
    /// WaveSpeedAI.
    case wavespeed
    /// FairStack.
    case fairstack
    /// Venice.ai.
    case venice
    /// CheapestInference.
    case cheapestinference
    /// useapi.net.
    case useapi
}

/// Which endpoint of Venice's billing API is read (`endpoint:`).
package enum VeniceEndpoint: String, Sendable, Hashable, CaseIterable {
    /// The successor first, the older one where that is missing.
    case auto
    /// `GET /api/v1/billing/usage` alone.
    case usage
    /// `GET /api/v1/billing/usage-history` alone.
    case usageHistory = "usage-history"
}
