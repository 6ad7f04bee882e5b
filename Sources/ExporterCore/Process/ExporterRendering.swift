import NIOConcurrencyHelpers
import UsageLedger
import UsageModel

/// What the families about the exporter itself show.
struct ExporterRendering {
    let build: BuildInformation
    let startedAt: Timestamp

    /// What never changes while the exporter runs.
    func constant(shard: Int, shards: Int) -> [SeriesChange] {
        [
            replace(
                ExporterFamily.buildInfo,
                [ShownSample([BuildInformation.version, build.revision, build.swiftVersion], 1)]),
            replace(ExporterFamily.shard, [ShownSample([], Double(shard))]),
            replace(ExporterFamily.shards, [ShownSample([], Double(shards))]),
        ]
    }

    /// How the config's last load went, and the accounts at work since the last good one.
    func reload(succeeded: Bool, lastSuccess: Timestamp, accounts: Int) -> [SeriesChange] {
        [
            replace(ExporterFamily.accounts, [ShownSample([], Double(accounts))]),
            replace(ExporterFamily.reloadSuccessful, [ShownSample([], succeeded ? 1 : 0)]),
            replace(ExporterFamily.reloadTime, [ShownSample([], lastSuccess.seconds)]),
        ]
    }

    /// How the web config's last load went.
    func webReload(succeeded: Bool) -> [SeriesChange] {
        [replace(ExporterFamily.webReloadSuccessful, [ShownSample([], succeeded ? 1 : 0)])]
    }

    /// What changes all the time.
    ///
    /// - Parameters:
    ///   - scrapes: by status code, as far as they are stored.
    ///   - since: when counting scrapes began.
    ///   - setAside: damaged ledgers that are kept, by file name, and when each was put aside.
    func figures(
        scrapes: [Int: Int64], since: Timestamp, inFlight: Int, storageBytes: Int64, storageErrors: Int,
        setAside: [String: Timestamp], process: ProcessFigures
    ) -> [SeriesChange] {
        [
            replace(ExporterFamily.scrapesInFlight, [ShownSample([], Double(inFlight))]),
            replace(
                ExporterFamily.scrapes,
                scrapes.sorted { $0.key < $1.key }.map { ShownSample(["\($0)"], Double($1), created: since) }),
            replace(ExporterFamily.storageBytes, [ShownSample([], Double(storageBytes))]),
            replace(ExporterFamily.storageErrors, [ShownSample([], Double(storageErrors), created: startedAt)]),
            replace(
                ExporterFamily.storageSetAside,
                setAside.sorted { $0.key < $1.key }.map { ShownSample([$0], $1.seconds) }),
            standard(
                process.cpuSeconds, "process_cpu_seconds_total",
                created: process.startTime.map { Timestamp(milliseconds: Int64(saturating: $0 * 1000)) }),
            standard(process.residentBytes, "process_resident_memory_bytes"),
            standard(process.virtualBytes, "process_virtual_memory_bytes"),
            standard(process.openFiles, "process_open_fds"),
            standard(process.maximumFiles, "process_max_fds"),
            standard(process.startTime, "process_start_time_seconds"),
            // The kernel counts since the network namespace was made, and does not report when that was.
            standard(process.receivedBytes, "process_network_receive_bytes_total"),
            standard(process.sentBytes, "process_network_transmit_bytes_total"),
        ]
    }

    private func standard(_ value: Double?, _ family: String, created: Timestamp? = nil) -> SeriesChange {
        replace(family, value.map { [ShownSample([], $0, created: created)] } ?? [])
    }

    private func replace(_ family: String, _ samples: [ShownSample]) -> SeriesChange {
        .replace(family: family, account: 0, samples: samples)
    }
}

/// Counts scrapes: how many are being answered, and how many were, by HTTP status code.
package final class ScrapeTally: Sendable {
    private struct State {
        var inFlight = 0
        var byCode: [Int: Int64] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// Nothing scraped yet.
    package init() {}

    /// A scrape that is being answered, until it ends or this is let go of: also when its client goes away half-way.
    package final class InFlight: Sendable {
        private let tally: ScrapeTally
        private let isOver = NIOLockedValueBox(false)

        fileprivate init(_ tally: ScrapeTally) {
            self.tally = tally
        }

        deinit {
            end()
        }

        /// Counts it no more. Ending twice does nothing.
        package func end() {
            let isFirst = isOver.withLockedValue { isOver in
                defer { isOver = true }
                return !isOver
            }
            if isFirst { tally.state.withLockedValue { $0.inFlight -= 1 } }
        }
    }

    /// Begins a scrape; nil where `limit` of them are already being answered.
    package func begin(limit: Int) -> InFlight? {
        let isLetIn = state.withLockedValue { state in
            guard state.inFlight < limit else { return false }
            state.inFlight += 1
            return true
        }
        return isLetIn ? InFlight(self) : nil
    }

    /// Counts an answer.
    package func answered(_ code: Int) {
        state.withLockedValue { $0.byCode[code, default: 0] += 1 }
    }

    /// Scrapes being answered.
    package var inFlight: Int { state.withLockedValue { $0.inFlight } }

    var byCode: [Int: Int64] { state.withLockedValue { $0.byCode } }

    /// Goes on from what an earlier run of the exporter counted.
    func restore(_ earlier: [Int: Int64]) {
        state.withLockedValue { $0.byCode.merge(earlier) { $0 + $1 } }
    }
}
