import PrometheusExposition
import Providers
import UsageModel

/// The metric families of `/metrics` in output order: names, types, help and labels.
///
/// Dashboards and rules depend on them.
package struct MetricCatalogue: Sendable {
    /// The families that sources report.
    package let usage: UsageFamilies
    /// Every family, in output order.
    package let families: [MetricFamily]
    private let byName: [String: MetricFamily]

    /// - Parameter usage: the families that sources report. A family with an invalid name is not served; a test checks
    ///   that those of all providers are valid.
    package init(_ usage: UsageFamilies) {
        self.usage = usage
        families = Self.metrics(usage).compactMap { metric in
            try? MetricFamily(name: metric.name, type: metric.type, help: metric.help, labelNames: metric.labelNames)
        }
        byName = Dictionary(families.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The families of `/metrics` with all providers of this build.
    package static let standard = MetricCatalogue(.all(of: allProviders))

    /// Finds a family by its name.
    package func family(_ name: String) -> MetricFamily? { byName[name] }

    /// Renders label values, given in the order of the family's label names; returns none for an unknown family, which
    /// is not served.
    func labels(_ values: [String], of family: String) throws(LabelCountError) -> LabelSet {
        guard let family = byName[family] else { return .none }
        return try LabelSet(values, of: family)
    }

    /// The entries of all families, valid or not.
    static func metrics(_ usage: UsageFamilies) -> [Metric] {
        usage.ledger.map(Metric.init) + usage.gauges.map(Metric.init) + Metric.health + Metric.exporter
    }
}

extension UsageFamilies {
    /// The common families, and those of the given providers.
    package static func all(of providers: [any Provider.Type]) -> UsageFamilies {
        providers.reduce(.common) { $0 + $1.families }
    }
}

/// One family of the catalogue.
struct Metric: Sendable {
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

    init(_ family: LedgerFamily) {
        let type: MetricType =
            switch family.kind {
            case .amount, .count: .counter
            case .durations: .histogram
            case .difference: .gauge
            }
        self.init(family.name, type, Self.account + family.labelNames.filter { $0 != "le" }, family.help)
    }

    init(_ family: GaugeFamily) {
        self.init(family.name, .gauge, Self.account + family.labelNames, family.help)
    }

    /// The labels of everything that belongs to an account.
    static let account = ["provider", "account"]

    /// The labels of everything that belongs to one upstream endpoint of an account.
    static let source = account + ["source"]
}

// The families about syncs and upstream requests.
extension Metric {
    /// Buckets of `genai_upstream_request_duration_seconds`, in seconds.
    static let upstreamDurationBounds: [Double] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    static let up = Metric("genai_up", .gauge, source, "1 if the source's last sync succeeded, else 0.")
    static let lastSuccess = Metric(
        "genai_sync_last_success_timestamp_seconds", .gauge, source,
        "Start of the source's last successful sync, seconds since the epoch.")
    static let lastAttempt = Metric(
        "genai_sync_last_attempt_timestamp_seconds", .gauge, source,
        "Start of the source's last sync, seconds since the epoch.")
    static let nextSync = Metric(
        "genai_sync_next_timestamp_seconds", .gauge, source, "Time of the source's next sync, seconds since the epoch.")
    static let syncDuration = Metric(
        "genai_sync_duration_seconds", .gauge, source, "Duration of the source's last sync in seconds.")
    static let syncs = Metric(
        "genai_syncs_total", .counter, source + ["result"], "Syncs by result: success or the reason of the failure.")
    static let dataThrough = Metric(
        "genai_data_through_timestamp_seconds", .gauge, source,
        "Time up to which the ledger is complete, seconds since the epoch.")
    static let ledgerStart = Metric(
        "genai_ledger_start_timestamp_seconds", .gauge, account,
        "Start of the account's counters, seconds since the epoch.")
    static let upstreamRequests = Metric(
        "genai_upstream_requests_total", .counter, source + ["code"],
        "Upstream requests by HTTP status code; code=\"error\" where no response arrived.")
    static let upstreamDuration = Metric(
        "genai_upstream_request_duration_seconds", .histogram, source, "Duration of upstream requests in seconds.")
    static let upstreamRetries = Metric(
        "genai_upstream_retries_total", .counter, source, "Upstream requests that were retries.")
    static let deprecated = Metric(
        "genai_upstream_deprecated", .gauge, source, "1 if the provider calls the endpoint deprecated, else 0.")
    static let sunset = Metric(
        "genai_upstream_sunset_timestamp_seconds", .gauge, source,
        "Shutdown time of the endpoint as the provider states it, seconds since the epoch.")
    static let clockSkew = Metric(
        "genai_upstream_clock_skew_seconds", .gauge, source,
        "This machine's clock minus the Date of the provider's responses, median of the last few.")
    static let series = Metric("genai_series", .gauge, account, "Series of the account that have labels of their own.")
    static let seriesLimit = Metric(
        "genai_series_limit", .gauge, account, "Series that may have labels of their own; the config's series_limit.")
    static let seriesOverflowed = Metric(
        "genai_series_overflowed_total", .counter, account,
        "Label sets past the limit: they are added up under model=\"__other__\".")
    static let quotaLimit = Metric(
        "genai_upstream_quota_limit", .gauge, source,
        "Requests that the provider allows this exporter at the endpoint in a span of time.")
    static let quotaRemaining = Metric(
        "genai_upstream_quota_remaining", .gauge, source,
        "Requests of that allowance that were left after the last sync.")
    static let quotaReset = Metric(
        "genai_upstream_quota_reset_timestamp_seconds", .gauge, source,
        "Time at which that allowance has one more request, seconds since the epoch.")

    /// In output order.
    static let health = [
        up, lastSuccess, lastAttempt, nextSync, syncDuration, syncs, dataThrough, ledgerStart, upstreamRequests,
        upstreamDuration, upstreamRetries, deprecated, sunset, clockSkew, series, seriesLimit, seriesOverflowed,
        quotaLimit, quotaRemaining, quotaReset,
    ]
}

// The families about the exporter itself.
extension Metric {
    static let buildInfo = Metric(
        "genai_exporter_build_info", .gauge, ["version", "revision", "swift_version"],
        "Version, git revision and Swift version of the build, as labels; always 1.")
    static let reloadSuccessful = Metric(
        "genai_exporter_config_last_reload_successful", .gauge, [],
        "1 if the last load of the config succeeded, else 0.")
    static let reloadTime = Metric(
        "genai_exporter_config_last_reload_success_timestamp_seconds", .gauge, [],
        "Time of the last successful load of the config, seconds since the epoch.")
    static let webReloadSuccessful = Metric(
        "genai_exporter_web_config_last_reload_successful", .gauge, [],
        "1 if the last load of the web config succeeded or none is configured, else 0.")
    static let accounts = Metric("genai_exporter_accounts", .gauge, [], "Accounts that this exporter reads.")
    static let scrapesInFlight = Metric("genai_exporter_scrapes_in_flight", .gauge, [], "Scrapes being served.")
    static let scrapes = Metric(
        "genai_exporter_scrapes_total", .counter, ["code"], "Scrapes served, by HTTP status code.")
    static let storageBytes = Metric("genai_exporter_storage_bytes", .gauge, [], "Size of the ledger's files.")
    static let storageErrors = Metric(
        "genai_exporter_storage_errors_total", .counter, [],
        "Failures of the ledger's storage since the exporter started.")
    static let storageSetAside = Metric(
        "genai_exporter_storage_set_aside_timestamp_seconds", .gauge, ["file"],
        "When a damaged ledger was quarantined, for as long as its file is kept in the storage folder.")
    static let snapshotLastSuccess = Metric(
        "genai_exporter_snapshot_last_success_timestamp_seconds", .gauge, [],
        "Time of the newest scheduled snapshot of the ledger, seconds since the epoch.")
    static let snapshotInterval = Metric(
        "genai_exporter_snapshot_interval_seconds", .gauge, [],
        "Configured time between two snapshots of the ledger in seconds.")
    static let snapshots = Metric(
        "genai_exporter_snapshots_total", .counter, ["result"],
        "Scheduled snapshots of the ledger since the exporter started, by result: success or failure.")
    static let shard = Metric("genai_exporter_shard_ordinal", .gauge, [], "This exporter's shard, from 0.")
    static let shards = Metric("genai_exporter_shards", .gauge, [], "Shards that the accounts are shared out to.")
    static let processCPU = Metric(
        "process_cpu_seconds_total", .counter, [], "CPU time that the exporter used, user and system.")
    static let processResidentMemory = Metric(
        "process_resident_memory_bytes", .gauge, [], "Memory of the exporter that is in RAM.")
    static let processVirtualMemory = Metric(
        "process_virtual_memory_bytes", .gauge, [], "Address space of the exporter.")
    static let processOpenFiles = Metric("process_open_fds", .gauge, [], "File descriptors that the exporter has open.")
    static let processMaximumFiles = Metric(
        "process_max_fds", .gauge, [], "File descriptors that the exporter may have open.")
    static let processStart = Metric(
        "process_start_time_seconds", .gauge, [], "Start time of the exporter, seconds since the epoch.")
    static let processReceived = Metric(
        "process_network_receive_bytes_total", .counter, [],
        "Bytes received on the network interfaces that the exporter sees.")
    static let processSent = Metric(
        "process_network_transmit_bytes_total", .counter, [],
        "Bytes sent on the network interfaces that the exporter sees.")

    /// In output order.
    static let exporter = [
        buildInfo, reloadSuccessful, reloadTime, webReloadSuccessful, accounts, scrapesInFlight, scrapes,
        storageBytes, storageErrors, storageSetAside, snapshotLastSuccess, snapshotInterval, snapshots, shard, shards,
        processCPU, processResidentMemory, processVirtualMemory, processOpenFiles, processMaximumFiles, processStart,
        processReceived, processSent,
    ]
}
