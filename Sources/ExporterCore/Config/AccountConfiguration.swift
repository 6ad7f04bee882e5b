import Providers
import Upstream
import UsageModel

/// One account of the config file, with the values that it inherits from `global`.
package struct AccountConfiguration: Sendable, Hashable {
    /// The label `account`: unique, `[A-Za-z0-9._-]{1,64}`.
    package var name: String
    /// The provider whose API is read, with the options that only its accounts have.
    package var provider: ConfiguredProvider
    /// The API's base URL without a trailing slash; nil for the provider's default.
    package var baseURL: String?
    /// Whether an `http://` address other than loopback is allowed.
    package var allowInsecure = false
    /// How often the account's sources are read.
    package var syncInterval: Duration = GlobalConfiguration.standard.syncInterval
    /// Whether `sync_interval` is set on the account itself: it may then be shorter than a source's minimum.
    package var isSyncIntervalOwn = false
    /// The time-out of one upstream request.
    package var timeout: Duration = GlobalConfiguration.standard.timeout
    /// How long before the first sync the ledger begins, if `ledgerStart` is nil.
    package var history: Duration = GlobalConfiguration.standard.history
    /// The day the ledger begins; nil if `history` determines it.
    package var ledgerStart: UTCDay?
    /// The maximum number of series of the account.
    package var seriesLimit: Int = GlobalConfiguration.standard.seriesLimit
    /// How label values are shown.
    package var labels = LabelOptions()
    /// The proxy for this account's requests, its own or the environment's; nil for none.
    package var proxy: ProxyServer?
    /// Path of a PEM file with the certificate authorities to trust, absolute or relative to the working directory.
    package var caFile: String?

    package init(name: String, provider: ConfiguredProvider) {
        self.name = name
        self.provider = provider
    }
}

/// A provider, and the part of an account's config that belongs to it. Equal if the names and the options are.
package struct ConfiguredProvider: Sendable, Hashable {
    package let type: any Provider.Type
    /// The credentials, and what to read with them.
    package var options: any ProviderOptions

    /// The provider's name.
    package var name: String { type.name }

    package init(_ type: any Provider.Type, _ options: any ProviderOptions) {
        self.type = type
        self.options = options
    }

    package static func == (left: ConfiguredProvider, right: ConfiguredProvider) -> Bool {
        left.name == right.name && AnyHashable(left.options) == AnyHashable(right.options)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(AnyHashable(options))
    }
}

extension AccountConfiguration {
    /// The sources of the account, without a connection to its API: they only describe what they report.
    var unconnectedSources: [any UsageSource] {
        provider.options.sources(for: ProviderAccount { _, _ in UnconnectedAPI() })
    }
}

private struct UnconnectedAPI: UpstreamAPI {
    func send(_ call: UpstreamCall) async throws -> UpstreamResponse { throw CancellationError() }
}
