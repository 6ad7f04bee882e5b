import PrometheusExposition
import UsageModel

/// The metric families of `/metrics` in output order: names, types, help and labels.
///
/// Dashboards and rules depend on them.
package enum MetricCatalogue {
    /// Every family, in output order. A test checks that each entry is a valid family and that names are unique.
    package static let families: [MetricFamily] = entries.compactMap { entry in
        try? MetricFamily(name: entry.name, type: entry.type, help: entry.help, labelNames: entry.labelNames)
    }

    /// The entries of all families, in output order.
    static let entries: [CatalogueEntry] =
        usageEntries + windowEntries + gaugeEntries + healthEntries + exporterEntries

    /// Finds a family by its name.
    static func family(_ name: String) -> MetricFamily? { byName[name] }

    /// Renders label values, given in the order of the family's label names; returns none for an unknown family, which
    /// is not served.
    static func labels(_ values: [String], of family: String) throws(LabelCountError) -> LabelSet {
        guard let family = byName[family] else { return .none }
        return try LabelSet(values, of: family)
    }

    private static let byName = Dictionary(families.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// The labels of everything that belongs to an account.
    static let accountLabels = ["provider", "account"]

    /// The labels of everything that belongs to one upstream endpoint of an account.
    static let sourceLabels = ["provider", "account", "source"]
}

/// One family of the catalogue.
struct CatalogueEntry: Sendable {
    let name: String
    let type: MetricType
    let labelNames: [String]
    let help: String

    init(_ name: String, _ type: MetricType, _ labelNames: [String], _ help: String) {
        self.name = name
        self.type = type
        self.labelNames = labelNames
        self.help = help
    }
}

extension MetricCatalogue {
    /// Counters and the histogram of the ledger.
    static let usageEntries: [CatalogueEntry] = LedgerFamily.allCases.map { family in
        let labels = accountLabels + family.labelNames.filter { $0 != "le" }
        return CatalogueEntry(family.rawValue, type(of: family), labels, help(of: family))
    }

    static func type(of family: LedgerFamily) -> MetricType {
        switch family {
        case .duration: .histogram
        case .reconciliation: .gauge
        default: .counter
        }
    }

    private static func help(of family: LedgerFamily) -> String {
        switch family {
        case .cost: "USD charged, as the provider reports it."
        case .credits: "Charges that are not USD, as the provider reports them, by unit."
        case .requests: "Requests, as the provider counts them."
        case .outcomes: "Requests whose outcome is known, by outcome: success or failure."
        case .tokens: "Tokens by type: input, output or cache_input, disjoint."
        case .duration: "Durations that the provider reports per request, in seconds."
        case .keyCost: "USD charged by key; another view of genai_cost_usd_total, not an addition to it."
        case .keyCredits: "Charges that are not USD by key; another view of genai_credits_spent_total."
        case .modalityCost: "USD charged by modality; another view of genai_cost_usd_total, not an addition to it."
        case .modalityRequests: "Requests by modality; another view of genai_requests_total, not an addition to it."
        case .topups: "USD paid in; never part of the cost."
        case .refunds: "USD given back; never part of the cost."
        case .corrections: "USD that the provider took back after it was counted in genai_cost_usd_total."
        case .estimatedCost: "USD estimated from the prices in the config, where the provider reports no cost."
        case .useapiResponses: "useapi.net responses by bot, operation and HTTP status code."
        case .captchaAttempts: "useapi.net captcha attempts by captcha provider."
        case .captchaRetries: "useapi.net captcha retries."
        case .tierRequests: "useapi.net requests by Google plan: tier and SKU with their names."
        case .reconciliation:
            "The provider's total minus the sum of its parts, over the days kept: 0 where its figures agree."
        }
    }

    /// Exact sums of calendar days from the ledger, and windows that a provider computes itself.
    static let windowEntries: [CatalogueEntry] = [
        CatalogueEntry(
            WindowFamily.cost, .gauge, accountLabels + ["key", "model", "window"],
            "USD charged in the window, in UTC days; exact, from the ledger."),
        CatalogueEntry(
            WindowFamily.requests, .gauge, accountLabels + ["key", "model", "window"],
            "Requests in the window; last_* windows are the provider's own."),
        CatalogueEntry(
            WindowFamily.tokens, .gauge, accountLabels + ["key", "model", "token_type", "window"],
            "Tokens in the window by type; last_* windows are the provider's own."),
        CatalogueEntry(
            WindowFamily.successRatio, .gauge, accountLabels + ["key", "model", "window"],
            "Successes among the requests of the window whose outcome is known, 0 to 1; absent where there are none."),
    ]
}

/// The names of the window gauges.
enum WindowFamily {
    static let cost = "genai_window_cost_usd"
    static let requests = "genai_window_requests"
    static let tokens = "genai_window_tokens"
    static let successRatio = "genai_window_success_ratio"

    /// The window gauge of a ledger family.
    static func name(of family: LedgerFamily) -> String {
        switch family {
        case .requests: requests
        case .tokens: tokens
        case .outcomes: successRatio
        default: cost
        }
    }
}

extension MetricCatalogue {
    /// Gauges that sources report at each sync: balances, limits, plans, keys, models.
    static let gaugeEntries: [CatalogueEntry] = GaugeFamily.allCases.compactMap { family in
        // The provider's own windows share the families of the ledger's windows.
        guard family != .windowRequests, family != .windowTokens else { return nil }
        return CatalogueEntry(family.rawValue, .gauge, accountLabels + family.labelNames, help(of: family))
    }

    private static func help(of family: GaugeFamily) -> String {
        switch family {
        case .balanceUSD: "Prepaid balance in USD."
        case .balanceCredits: "Prepaid balance that is not USD, by unit."
        case .budgetLimit: "Budget or spending cap in USD; absent where there is no limit."
        case .budgetSpent: "USD spent in the budget's current period."
        case .budgetReset: "End of the budget's current period, seconds since the epoch."
        case .budgetPeriod: "Length of the budget's period in seconds."
        case .rateLimitRequestsPerMinute: "The provider's limit on requests in a minute."
        case .rateLimitTokensPerMinute: "The provider's limit on tokens in a minute."
        case .rateLimitRequestsPerDay: "The provider's limit on requests in a day."
        case .planInfo: "The subscription, as labels; always 1."
        case .planExpiry: "Expiry time of the subscription, seconds since the epoch."
        case .planPrice: "Price of the plan in the provider's price list, in USD."
        case .planRequestsPerMinute: "Requests in a minute that the plan of the price list allows."
        case .planTokensPerMinute: "Tokens in a minute that the plan of the price list allows."
        case .keyInfo: "The key's id and type, as labels; always 1."
        case .keyActive: "1 if the key can be used, else 0."
        case .keyCreated: "Creation time of the key, seconds since the epoch."
        case .keyLastUsed: "Time of the key's last use, seconds since the epoch."
        case .keyExpiry: "Expiry time of the key, seconds since the epoch."
        case .modelInfo: "The model's modality, as a label; always 1."
        case .modelUnitPrice: "The model's unit price in USD; what a request cost may differ, see genai_cost_usd_total."
        case .modelLastUsed: "Start of the UTC day of the model's last use, seconds since the epoch."
        case .upstreamAccounts: "Accounts linked at the provider, by service and state."
        case .pendingRequests: "Requests that are accepted and neither succeeded nor failed yet."
        case .windowRequests, .windowTokens: ""
        }
    }
}

/// The families about syncs and upstream requests.
enum HealthFamily {
    static let up = "genai_up"
    static let lastSuccess = "genai_sync_last_success_timestamp_seconds"
    static let lastAttempt = "genai_sync_last_attempt_timestamp_seconds"
    static let next = "genai_sync_next_timestamp_seconds"
    static let duration = "genai_sync_duration_seconds"
    static let syncs = "genai_syncs_total"
    static let dataThrough = "genai_data_through_timestamp_seconds"
    static let ledgerStart = "genai_ledger_start_timestamp_seconds"
    static let upstreamRequests = "genai_upstream_requests_total"
    static let upstreamDuration = "genai_upstream_request_duration_seconds"
    static let upstreamRetries = "genai_upstream_retries_total"
    static let deprecated = "genai_upstream_deprecated"
    static let sunset = "genai_upstream_sunset_timestamp_seconds"
    static let quotaLimit = "genai_upstream_quota_limit"
    static let quotaRemaining = "genai_upstream_quota_remaining"
    static let quotaReset = "genai_upstream_quota_reset_timestamp_seconds"
    static let clockSkew = "genai_upstream_clock_skew_seconds"
    static let series = "genai_series"
    static let seriesLimit = "genai_series_limit"
    static let seriesOverflowed = "genai_series_overflowed_total"
}

/// The families about the exporter itself.
enum ExporterFamily {
    static let buildInfo = "genai_exporter_build_info"
    static let reloadSuccessful = "genai_exporter_config_last_reload_successful"
    static let reloadTime = "genai_exporter_config_last_reload_success_timestamp_seconds"
    static let webReloadSuccessful = "genai_exporter_web_config_last_reload_successful"
    static let accounts = "genai_exporter_accounts"
    static let scrapesInFlight = "genai_exporter_scrapes_in_flight"
    static let scrapes = "genai_exporter_scrapes_total"
    static let storageBytes = "genai_exporter_storage_bytes"
    static let storageErrors = "genai_exporter_storage_errors_total"
    static let storageSetAside = "genai_exporter_storage_set_aside_timestamp_seconds"
    static let shard = "genai_exporter_shard_ordinal"
    static let shards = "genai_exporter_shards"
}

extension MetricCatalogue {
    /// Buckets of `genai_upstream_request_duration_seconds`, in seconds.
    static let upstreamDurationBounds: [Double] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    static let healthEntries: [CatalogueEntry] = [
        CatalogueEntry(HealthFamily.up, .gauge, sourceLabels, "1 if the source's last sync succeeded, else 0."),
        CatalogueEntry(
            HealthFamily.lastSuccess, .gauge, sourceLabels,
            "Start of the source's last successful sync, seconds since the epoch."),
        CatalogueEntry(
            HealthFamily.lastAttempt, .gauge, sourceLabels, "Start of the source's last sync, seconds since the epoch."),
        CatalogueEntry(
            HealthFamily.next, .gauge, sourceLabels, "Time of the source's next sync, seconds since the epoch."),
        CatalogueEntry(HealthFamily.duration, .gauge, sourceLabels, "Duration of the source's last sync in seconds."),
        CatalogueEntry(
            HealthFamily.syncs, .counter, sourceLabels + ["result"],
            "Syncs by result: success or the reason of the failure."),
        CatalogueEntry(
            HealthFamily.dataThrough, .gauge, sourceLabels,
            "Time up to which the ledger is complete, seconds since the epoch."),
        CatalogueEntry(
            HealthFamily.ledgerStart, .gauge, accountLabels, "Start of the account's counters, seconds since the epoch."
        ),
        CatalogueEntry(
            HealthFamily.upstreamRequests, .counter, sourceLabels + ["code"],
            "Upstream requests by HTTP status code; code=\"error\" where no response arrived."),
        CatalogueEntry(
            HealthFamily.upstreamDuration, .histogram, sourceLabels, "Duration of upstream requests in seconds."),
        CatalogueEntry(HealthFamily.upstreamRetries, .counter, sourceLabels, "Upstream requests that were retries."),
        CatalogueEntry(
            HealthFamily.deprecated, .gauge, sourceLabels, "1 if the provider calls the endpoint deprecated, else 0."),
        CatalogueEntry(
            HealthFamily.sunset, .gauge, sourceLabels,
            "Shutdown time of the endpoint as the provider states it, seconds since the epoch."),
        CatalogueEntry(
            HealthFamily.clockSkew, .gauge, sourceLabels,
            "This machine's clock minus the Date of the provider's responses, median of the last few."),
        CatalogueEntry(
            HealthFamily.series, .gauge, accountLabels, "Series of the account that have labels of their own."),
        CatalogueEntry(
            HealthFamily.seriesLimit, .gauge, accountLabels,
            "Series that may have labels of their own; the config's series_limit."),
        CatalogueEntry(
            HealthFamily.seriesOverflowed, .counter, accountLabels,
            "Label sets past the limit: they are added up under model=\"__other__\"."),
        CatalogueEntry(
            HealthFamily.quotaLimit, .gauge, sourceLabels,
            "Requests that the provider allows this exporter at the endpoint in a span of time."),
        CatalogueEntry(
            HealthFamily.quotaRemaining, .gauge, sourceLabels,
            "Requests of that allowance that were left after the last sync."),
        CatalogueEntry(
            HealthFamily.quotaReset, .gauge, sourceLabels,
            "Time at which that allowance has one more request, seconds since the epoch."),
    ]

    static let exporterEntries: [CatalogueEntry] = [
        CatalogueEntry(
            ExporterFamily.buildInfo, .gauge, ["version", "revision", "swift_version"],
            "Version, git revision and Swift version of the build, as labels; always 1."),
        CatalogueEntry(
            ExporterFamily.reloadSuccessful, .gauge, [], "1 if the last load of the config succeeded, else 0."),
        CatalogueEntry(
            ExporterFamily.reloadTime, .gauge, [],
            "Time of the last successful load of the config, seconds since the epoch."),
        CatalogueEntry(
            ExporterFamily.webReloadSuccessful, .gauge, [],
            "1 if the last load of the web config succeeded or none is configured, else 0."),
        CatalogueEntry(ExporterFamily.accounts, .gauge, [], "Accounts that this exporter reads."),
        CatalogueEntry(ExporterFamily.scrapesInFlight, .gauge, [], "Scrapes being served."),
        CatalogueEntry(ExporterFamily.scrapes, .counter, ["code"], "Scrapes served, by HTTP status code."),
        CatalogueEntry(ExporterFamily.storageBytes, .gauge, [], "Size of the ledger's files."),
        CatalogueEntry(
            ExporterFamily.storageErrors, .counter, [], "Failures of the ledger's storage since the exporter started."),
        CatalogueEntry(
            ExporterFamily.storageSetAside, .gauge, ["file"],
            "When a damaged ledger was quarantined, for as long as its file is kept in the storage folder."),
        CatalogueEntry(ExporterFamily.shard, .gauge, [], "This exporter's shard, from 0."),
        CatalogueEntry(ExporterFamily.shards, .gauge, [], "Shards that the accounts are shared out to."),
        CatalogueEntry(
            "process_cpu_seconds_total", .counter, [], "CPU time that the exporter used, user and system."),
        CatalogueEntry("process_resident_memory_bytes", .gauge, [], "Memory of the exporter that is in RAM."),
        CatalogueEntry("process_virtual_memory_bytes", .gauge, [], "Address space of the exporter."),
        CatalogueEntry("process_open_fds", .gauge, [], "File descriptors that the exporter has open."),
        CatalogueEntry("process_max_fds", .gauge, [], "File descriptors that the exporter may have open."),
        CatalogueEntry(
            "process_start_time_seconds", .gauge, [], "Start time of the exporter, seconds since the epoch."),
        CatalogueEntry(
            "process_network_receive_bytes_total", .counter, [],
            "Bytes received on the network interfaces that the exporter sees."),
        CatalogueEntry(
            "process_network_transmit_bytes_total", .counter, [],
            "Bytes sent on the network interfaces that the exporter sees."),
    ]
}
