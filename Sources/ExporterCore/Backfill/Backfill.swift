import PrometheusExposition
import UsageLedger
import UsageModel

/// The ledger's history as OpenMetrics with timestamps, as `promtool tsdb create-blocks-from openmetrics` reads it.
///
/// Every counter of `/metrics` that comes from the ledger, under the same labels, ends where the live series goes on.
/// Windows, balances and the exporter's own families have no past in the ledger.
package struct Backfill: Sendable {
    /// How far the work is.
    package struct Progress: Sendable {
        /// Series that are written.
        package let done: Int
        /// Series in all.
        package let total: Int
    }

    private let span: BackfillSpan
    /// The config that labels are shown by; nil to show every account of the ledger under the provider's own labels.
    private let configuration: ExporterConfiguration?

    private let families: [BackfillFamily]
    private let scrapeLabels: [ScrapeLabel]

    /// A backfill.
    ///
    /// - Parameter scrapeLabels: what Prometheus adds to every series that it scrapes: `job`, `instance` and their like.
    /// - Throws: `MetricFamilyError` where a name is none, or is a label of ours.
    package init(
        _ span: BackfillSpan, configuration: ExporterConfiguration?, scrapeLabels: [ScrapeLabel] = []
    ) throws(MetricFamilyError) {
        self.span = span
        self.configuration = configuration
        self.scrapeLabels = scrapeLabels
        var families: [BackfillFamily] = []
        for family in MetricCatalogue.families {
            guard let counted = LedgerFamily(rawValue: family.name) else { continue }
            let shown = try MetricFamily(
                name: family.name, type: family.type, help: family.help,
                labelNames: family.labelNames + scrapeLabels.map(\.name))
            families.append(BackfillFamily(counted: counted, shown: shown))
        }
        self.families = families
    }

    /// Writes the history of a ledger, which an exporter may be writing to meanwhile.
    ///
    /// - Parameters:
    ///   - folder: the ledger's folder.
    ///   - write: takes the text, a piece at a time.
    ///   - progress: called after each series.
    /// - Returns: how many samples were written; a histogram at one moment counts as one.
    /// - Throws: `LedgerError`, and what `write` throws.
    package func run(
        folder: String, write: @escaping @Sendable ([UInt8]) throws -> Void,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Int {
        try await LedgerHistory.read(folder: folder) { ledger in
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
        let salt = try ledger.setting(LabelView.saltSetting) ?? ""
        return try ledger.accounts().compactMap { account in
            var view = LabelView(LabelOptions(), salt: salt, limit: .max)
            if let configuration {
                let configured = configuration.accounts.first {
                    $0.name == account.name && $0.provider.rawValue == account.provider
                }
                guard let configured else { return nil }
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
            let moments = span.moments(from: history.firstDay ?? group.startedAt.day)
            for (moment, value) in zip(moments, history.values(at: moments)) {
                encoder.append(value, labels: labels, at: UnixTimestamp(moment), to: &buffer)
            }
            return moments.count
        case .histogram(let encoder):
            let (buckets, sum) = try group.histogram(ledger, now: span.now)
            let moments = span.moments(from: buckets.compactMap(\.firstDay).min() ?? group.startedAt.day)
            let counts = buckets.map { $0.values(at: moments) }
            for (place, (moment, seconds)) in zip(moments, sum.values(at: moments)).enumerated() {
                try encoder.append(
                    counts: counts.map { UInt64(saturating: $0[place]) }, sum: seconds, labels: labels,
                    at: UnixTimestamp(moment),
                    to: &buffer)
            }
            return moments.count
        }
    }
}

/// A family of the ledger, as it is written.
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

/// A label that a scrape adds.
package struct ScrapeLabel: Sendable, Hashable {
    let name: String
    let value: String

    /// Reads `NAME=VALUE`; nil where there is no `=`, no name or no value.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        (name, value) = (parts[0], parts[1])
    }
}

extension UnixTimestamp {
    fileprivate init(_ moment: Timestamp) {
        self.init(milliseconds: moment.milliseconds)
    }
}

/// Which moments a backfill writes: a sample each half hour, on the hour and half past it.
///
/// Half an hour, so that a range of an hour holds two samples and has a rate.
package struct BackfillSpan: Sendable {
    /// Between two samples.
    static let step = Duration.minutes(30)
    /// What is newer belongs to the Prometheus that scrapes: its newest block is not on disk yet.
    static let headStart = Duration.hours(3)

    /// Nothing is written before this moment; nil for the ledger's beginning.
    let start: Timestamp?
    /// The last moment that may be written.
    let end: Timestamp
    let now: Timestamp

    /// - Parameters:
    ///   - from: the first day; nil for the ledger's first.
    ///   - to: the last day, whole; nil for all but the newest three hours.
    package init(from: UTCDay?, to: UTCDay?, now: Timestamp) {
        start = from?.start
        let newest = now - Self.headStart
        end = to.map { min($0.advanced(by: 1).start, newest) } ?? newest
        self.now = now
    }

    /// The moments from a day's beginning on, ascending.
    func moments(from day: UTCDay) -> [Timestamp] {
        let first = max(day.start, start ?? day.start)
        return Array(sequence(first: first) { $0 + Self.step }.prefix { $0 <= end })
    }
}
