import NIOConcurrencyHelpers
import UsageLedger
import UsageModel

/// Renders the families about the exporter itself.
struct ExporterRendering {
    let build: BuildInformation
    let startedAt: Timestamp

    /// Families that are constant while the exporter runs.
    func constant(shard: Int, shards: Int) -> [SeriesChange] {
        [
            replace(
                .buildInfo,
                [ShownSample([BuildInformation.version, build.revision, build.swiftVersion], 1)]),
            replace(.shard, [ShownSample([], Double(shard))]),
            replace(.shards, [ShownSample([], Double(shards))]),
        ]
    }

    /// The result of the config's last load, and the number of accounts since the last successful one.
    func reload(succeeded: Bool, lastSuccess: Timestamp, accounts: Int) -> [SeriesChange] {
        [
            replace(.accounts, [ShownSample([], Double(accounts))]),
            replace(.reloadSuccessful, [ShownSample([], succeeded ? 1 : 0)]),
            replace(.reloadTime, [ShownSample([], lastSuccess.seconds)]),
        ]
    }

    /// The result of the web config's last load.
    func webReload(succeeded: Bool) -> [SeriesChange] {
        [replace(.webReloadSuccessful, [ShownSample([], succeeded ? 1 : 0)])]
    }

    /// The schedule and the results of ledger snapshots; absent if none are configured.
    ///
    /// - Parameters:
    ///   - interval: the configured time between two snapshots; nil if no snapshots are configured.
    ///   - newest: the time of the newest snapshot.
    func snapshots(every interval: Duration?, newest: Timestamp?, counts: SnapshotCounts) -> [SeriesChange] {
        let results = [("success", counts.successes), ("failure", counts.failures)]
        return [
            replace(
                .snapshotLastSuccess,
                interval == nil ? [] : newest.map { [ShownSample([], $0.seconds)] } ?? []),
            replace(.snapshotInterval, interval.map { [ShownSample([], $0.inSeconds)] } ?? []),
            replace(
                .snapshots,
                interval == nil ? [] : results.map { ShownSample([$0], Double($1), created: startedAt) }),
        ]
    }

    /// Families that change continuously.
    ///
    /// - Parameters:
    ///   - scrapes: stored counts by status code.
    ///   - since: when counting scrapes began.
    ///   - setAside: when each damaged ledger that is kept was quarantined, by file name.
    func figures(
        scrapes: [Int: Int64], since: Timestamp, inFlight: Int, storageBytes: Int64, storageErrors: Int,
        setAside: [String: Timestamp], process: ProcessFigures
    ) -> [SeriesChange] {
        [
            replace(.scrapesInFlight, [ShownSample([], Double(inFlight))]),
            replace(
                .scrapes,
                scrapes.sorted { $0.key < $1.key }.map { ShownSample(["\($0)"], Double($1), created: since) }),
            replace(.storageBytes, [ShownSample([], Double(storageBytes))]),
            replace(.storageErrors, [ShownSample([], Double(storageErrors), created: startedAt)]),
            replace(
                .storageSetAside,
                setAside.sorted { $0.key < $1.key }.map { ShownSample([$0], $1.seconds) }),
            standard(
                process.cpuSeconds, .processCPU,
                created: process.startTime.map { Timestamp(milliseconds: Int64(saturating: $0 * 1000)) }),
            standard(process.residentBytes, .processResidentMemory),
            standard(process.virtualBytes, .processVirtualMemory),
            standard(process.openFiles, .processOpenFiles),
            standard(process.maximumFiles, .processMaximumFiles),
            standard(process.startTime, .processStart),
            // The kernel counts since the network namespace was created, and does not report when that was.
            standard(process.receivedBytes, .processReceived),
            standard(process.sentBytes, .processSent),
        ]
    }

    private func standard(_ value: Double?, _ family: Metric, created: Timestamp? = nil) -> SeriesChange {
        replace(family, value.map { [ShownSample([], $0, created: created)] } ?? [])
    }

    private func replace(_ family: Metric, _ samples: [ShownSample]) -> SeriesChange {
        .replace(family: family.name, account: 0, samples: samples)
    }
}

/// Counts scrapes: those in flight, and those served by HTTP status code.
package final class ScrapeTally: Sendable {
    private struct State {
        var inFlight = 0
        var byCode: [Int: Int64] = [:]
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// A scrape in flight, until `end` or the release of this object, also if the client disconnects early.
    package final class InFlight: Sendable {
        private let tally: ScrapeTally
        private let isOver = NIOLockedValueBox(false)

        fileprivate init(_ tally: ScrapeTally) {
            self.tally = tally
        }

        deinit {
            end()
        }

        /// Ends the scrape. Ending twice does nothing.
        package func end() {
            let isFirst = isOver.withLockedValue { isOver in
                defer { isOver = true }
                return !isOver
            }
            if isFirst { tally.state.withLockedValue { $0.inFlight -= 1 } }
        }
    }

    /// Begins a scrape; returns nil if `limit` scrapes are in flight already.
    package func begin(limit: Int) -> InFlight? {
        let isAdmitted = state.withLockedValue { state in
            guard state.inFlight < limit else { return false }
            state.inFlight += 1
            return true
        }
        return isAdmitted ? InFlight(self) : nil
    }

    /// Counts a response by its status code.
    package func answered(_ code: Int) {
        state.withLockedValue { $0.byCode[code, default: 0] += 1 }
    }

    /// Number of scrapes in flight.
    package var inFlight: Int { state.withLockedValue { $0.inFlight } }

    var byCode: [Int: Int64] { state.withLockedValue { $0.byCode } }

    /// Adds the counts of earlier runs of the exporter.
    func restore(_ earlier: [Int: Int64]) {
        state.withLockedValue { $0.byCode.merge(earlier) { $0 + $1 } }
    }
}
