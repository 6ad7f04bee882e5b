import PrometheusExposition
import UsageLedger
import UsageModel

/// Exports the ledger's history as OpenMetrics with timestamps for `promtool tsdb create-blocks-from openmetrics`.
///
/// It contains every counter of `/metrics` that comes from the ledger, with the same labels, up to the value at which
/// the live series continues. Windows, balances and the exporter's own families have no history in the ledger.
package struct Backfill: Sendable {
    package struct Progress: Sendable {
        /// Number of written series.
        package let done: Int
        /// Number of all series.
        package let total: Int
    }

    private let span: BackfillSpan
    /// The config with the accounts and label options; nil to export every account with the provider's own labels.
    private let configuration: ExporterConfiguration?

    private let usage: UsageFamilies
    private let families: [BackfillFamily]
    private let scrapeLabels: [ScrapeLabel]

    /// - Parameter scrapeLabels: the labels that Prometheus adds to every scraped series, such as `job` and `instance`.
    /// - Throws: `MetricFamilyError` if a name is not a valid label name, or is a label of the exporter.
    package init(
        _ span: BackfillSpan, configuration: ExporterConfiguration?, scrapeLabels: [ScrapeLabel] = []
    ) throws(MetricFamilyError) {
        self.span = span
        self.configuration = configuration
        self.scrapeLabels = scrapeLabels
        usage = configuration?.families ?? MetricCatalogue.standard.usage
        var families: [BackfillFamily] = []
        let catalogue = MetricCatalogue(usage)
        for counted in usage.ledger {
            guard let family = catalogue.family(counted.name) else { continue }
            let shown = try MetricFamily(
                name: family.name, type: family.type, help: family.help,
                labelNames: family.labelNames + scrapeLabels.map(\.name))
            families.append(BackfillFamily(counted: counted, shown: shown))
        }
        self.families = families
    }

    /// Writes the history of a ledger. An exporter may write to the ledger at the same time.
    ///
    /// - Parameters:
    ///   - folder: the ledger's folder.
    ///   - write: called with each chunk of the text.
    ///   - progress: called after each series.
    /// - Returns: the number of written samples; a histogram at one timestamp counts as one.
    /// - Throws: `LedgerError`, and what `write` throws.
    package func run(
        folder: String, write: @escaping @Sendable ([UInt8]) throws -> Void,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Int {
        try await LedgerHistory.read(folder: folder, families: usage) { ledger in
            let accounts = try groups(ledger)
            let total = accounts.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.count } }
            var (done, samples) = (0, 0)
            for family in families {
                let encoder = try family.encoder()
                var buffer = family.shown.header(in: .openMetrics100)
                var isEmpty = true
                for group in accounts.flatMap({ $0[family.counted] ?? [] }) {
                    let labels = try LabelSet(group.labels + scrapeLabels.map(\.value), of: family.shown)
                    let written = try append(group, labels, by: encoder, ledger, to: &buffer)
                    if written > 0 { isEmpty = false }
                    samples += written
                    done += 1
                    progress(Progress(done: done, total: total))
                    guard !isEmpty, buffer.count > 65_536 else { continue }
                    try write(buffer)
                    buffer = []
                }
                if !isEmpty { try write(buffer) }
            }
            try write(ExpositionFormat.openMetrics100.terminator)
            return samples
        }
    }

    private func groups(_ ledger: LedgerHistory) throws -> [[LedgerFamily: [BackfillGroup]]] {
        let salt = try ledger.labelSalt() ?? ""
        return try ledger.accounts().compactMap { account in
            var view = LabelView(LabelOptions(), salt: salt, limit: .max)
            if let configuration {
                guard let configured = configuration.account(of: account) else { return nil }
                view = LabelView(configured.labels, salt: salt, limit: configured.seriesLimit)
            }
            return BackfillGroup.groups(of: try ledger.series(of: account.id), account: account, view: view)
        }
    }

    private func append(
        _ group: BackfillGroup, _ labels: LabelSet, by encoder: BackfillFamily.Encoder, _ ledger: LedgerHistory,
        to buffer: inout [UInt8]
    ) throws -> Int {
        switch encoder {
        case .counter(let encoder):
            let history = try group.counter(ledger, now: span.now)
            let times = span.moments(from: history.firstDay ?? group.startedAt.day)
            for (time, value) in zip(times, history.values(at: times)) {
                encoder.append(value, labels: labels, at: UnixTimestamp(time), to: &buffer)
            }
            return times.count
        case .histogram(let encoder):
            let (buckets, sum) = try group.histogram(ledger, now: span.now)
            let times = span.moments(from: buckets.compactMap(\.firstDay).min() ?? group.startedAt.day)
            let counts = buckets.map { $0.values(at: times) }
            for (index, (time, seconds)) in zip(times, sum.values(at: times)).enumerated() {
                try encoder.append(
                    counts: counts.map { UInt64(saturating: $0[index]) }, sum: seconds, labels: labels,
                    at: UnixTimestamp(time),
                    to: &buffer)
            }
            return times.count
        }
    }
}

extension ExporterConfiguration {
    /// The configured account of one of the ledger; nil if it is not configured.
    func account(of stored: LedgerHistory.Account) -> AccountConfiguration? {
        accounts.first { $0.name == stored.name && $0.provider.name == stored.provider }
    }
}

/// A family of the ledger with its exported form.
private struct BackfillFamily {
    enum Encoder {
        case counter(SampleEncoder)
        case histogram(HistogramEncoder)
    }

    let counted: LedgerFamily
    /// With the labels that a scrape adds.
    let shown: MetricFamily

    func encoder() throws(EncoderError) -> Encoder {
        shown.type == .histogram
            ? .histogram(try HistogramEncoder(shown, bounds: LedgerFamily.durationBounds, format: .openMetrics100))
            : .counter(try SampleEncoder(shown, format: .openMetrics100))
    }
}

/// A label that Prometheus adds to scraped series.
package struct ScrapeLabel: Sendable, Hashable {
    let name: String
    let value: String

    /// Parses `NAME=VALUE`; nil if there is no `=`, no name or no value.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        (name, value) = (parts[0], parts[1])
    }
}

extension UnixTimestamp {
    fileprivate init(_ time: Timestamp) {
        self.init(milliseconds: time.milliseconds)
    }
}

/// The timestamps of a backfill: one sample each half hour, on the hour and half past it.
///
/// The step is half an hour so that a range of an hour contains two samples, which `rate()` needs.
package struct BackfillSpan: Sendable {
    /// The time between two samples.
    static let step = Duration.minutes(30)
    /// Newer samples are left to the Prometheus that scrapes, because its head block is not on disk yet.
    static let headStart = Duration.hours(3)

    /// The earliest timestamp; nil for the ledger's start.
    let start: Timestamp?
    /// The latest timestamp.
    let end: Timestamp
    let now: Timestamp

    /// - Parameters:
    ///   - from: the first day; nil for the ledger's first day.
    ///   - to: the last day, inclusive; nil for all but the newest three hours.
    package init(from: UTCDay?, to: UTCDay?, now: Timestamp) {
        start = from?.start
        let newest = now - Self.headStart
        end = to.map { min($0.advanced(by: 1).start, newest) } ?? newest
        self.now = now
    }

    /// The timestamps from the start of a day, ascending.
    func moments(from day: UTCDay) -> [Timestamp] {
        let first = max(day.start, start ?? day.start)
        return Array(sequence(first: first) { $0 + Self.step }.prefix { $0 <= end })
    }
}
