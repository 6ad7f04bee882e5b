import PrometheusExposition

/// The families that say whether the data are good.
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
        CatalogueEntry(HealthFamily.lastSuccess, .gauge, sourceLabels, "When the source was last synced with success."),
        CatalogueEntry(HealthFamily.lastAttempt, .gauge, sourceLabels, "When the source was last tried."),
        CatalogueEntry(HealthFamily.next, .gauge, sourceLabels, "When the source will be tried next."),
        CatalogueEntry(HealthFamily.duration, .gauge, sourceLabels, "How long the source's last sync took."),
        CatalogueEntry(
            HealthFamily.syncs, .counter, sourceLabels + ["result"], "Syncs by result: success or why they failed."),
        CatalogueEntry(HealthFamily.dataThrough, .gauge, sourceLabels, "The ledger is complete up to here."),
        CatalogueEntry(HealthFamily.ledgerStart, .gauge, accountLabels, "Where the account's counters begin."),
        CatalogueEntry(
            HealthFamily.upstreamRequests, .counter, sourceLabels + ["code"],
            "Upstream requests by HTTP status code; code=\"error\" where no response arrived."),
        CatalogueEntry(
            HealthFamily.upstreamDuration, .histogram, sourceLabels, "Duration of upstream requests in seconds."),
        CatalogueEntry(HealthFamily.upstreamRetries, .counter, sourceLabels, "Upstream requests that were retries."),
        CatalogueEntry(
            HealthFamily.deprecated, .gauge, sourceLabels, "1 if the provider calls the endpoint deprecated, else 0."),
        CatalogueEntry(
            HealthFamily.sunset, .gauge, sourceLabels, "When the provider closes the endpoint, where it says so."),
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
            "Requests that the provider allows us at this endpoint in a span of time."),
        CatalogueEntry(
            HealthFamily.quotaRemaining, .gauge, sourceLabels,
            "Requests of that allowance that were left after the last sync."),
        CatalogueEntry(
            HealthFamily.quotaReset, .gauge, sourceLabels, "When one more request of that allowance is left."),
    ]

    static let exporterEntries: [CatalogueEntry] = [
        CatalogueEntry(
            ExporterFamily.buildInfo, .gauge, ["version", "revision", "swift_version"],
            "What this exporter was built from, as labels; always 1."),
        CatalogueEntry(
            ExporterFamily.reloadSuccessful, .gauge, [], "1 if the last load of the config succeeded, else 0."),
        CatalogueEntry(ExporterFamily.reloadTime, .gauge, [], "When the config was last loaded with success."),
        CatalogueEntry(
            ExporterFamily.webReloadSuccessful, .gauge, [],
            "1 if the last load of the web config succeeded or none is configured, else 0."),
        CatalogueEntry(ExporterFamily.accounts, .gauge, [], "Accounts that this exporter reads."),
        CatalogueEntry(ExporterFamily.scrapesInFlight, .gauge, [], "Scrapes being answered."),
        CatalogueEntry(ExporterFamily.scrapes, .counter, ["code"], "Scrapes answered, by HTTP status code."),
        CatalogueEntry(ExporterFamily.storageBytes, .gauge, [], "Size of the ledger's files."),
        CatalogueEntry(
            ExporterFamily.storageErrors, .counter, [], "Failures of the ledger's storage since the exporter started."),
        CatalogueEntry(
            ExporterFamily.storageSetAside, .gauge, ["file"],
            "When a damaged ledger was put aside, for as long as its file is kept in the storage folder."),
        CatalogueEntry(ExporterFamily.shard, .gauge, [], "This exporter's shard, from 0."),
        CatalogueEntry(ExporterFamily.shards, .gauge, [], "Shards that the accounts are shared out to."),
        CatalogueEntry(
            "process_cpu_seconds_total", .counter, [], "CPU time that the exporter used, user and system."),
        CatalogueEntry("process_resident_memory_bytes", .gauge, [], "Memory of the exporter that is in RAM."),
        CatalogueEntry("process_virtual_memory_bytes", .gauge, [], "Address space of the exporter."),
        CatalogueEntry("process_open_fds", .gauge, [], "File descriptors that the exporter has open."),
        CatalogueEntry("process_max_fds", .gauge, [], "File descriptors that the exporter may have open."),
        CatalogueEntry(
            "process_start_time_seconds", .gauge, [], "When the exporter was started."),
        CatalogueEntry(
            "process_network_receive_bytes_total", .counter, [],
            "Bytes received on the network interfaces that the exporter sees."),
        CatalogueEntry(
            "process_network_transmit_bytes_total", .counter, [],
            "Bytes sent on the network interfaces that the exporter sees."),
    ]
}
