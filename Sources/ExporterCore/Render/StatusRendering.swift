import UsageModel

/// Turns the status of an account's syncs into the families of ``Metric/health``.
struct StatusRendering {
    let account: Int
    let accountLabels: [String]
    private var statuses: [String: SyncStatus] = [:]

    init(account: Int, accountLabels: [String]) {
        self.account = account
        self.accountLabels = accountLabels
    }

    /// The changes after a source's sync began or ended.
    mutating func changes(for status: SyncStatus, of source: String) -> [SeriesChange] {
        statuses[source] = status
        return [
            gauge(.up) { status in status.isUp.map { $0 ? 1 : 0 } },
            gauge(.lastSuccess) { $0.lastSuccess?.seconds },
            gauge(.lastAttempt) { $0.lastAttempt?.seconds },
            gauge(.nextSync) { $0.next?.seconds },
            gauge(.syncDuration) { $0.duration },
            gauge(.dataThrough) { $0.dataThrough?.seconds },
            gauge(.deprecated) { $0.isDeprecated.map { $0 ? 1 : 0 } },
            gauge(.sunset) { $0.sunset?.seconds },
            gauge(.clockSkew) { $0.clockSkew },
            gauge(.quotaLimit) { ($0.quota?.limit).map(Double.init) },
            gauge(.quotaRemaining) { ($0.quota?.remaining).map(Double.init) },
            gauge(.quotaReset) { $0.quota?.reset?.seconds },
            samples(.syncs) { labels, status in
                // Every result begins at 0, so that `increase()` sees the first failure.
                (["success"] + FailureReason.allCases.map(\.rawValue)).map { result in
                    ShownSample(labels + [result], Double(status.results[result] ?? 0), created: status.since)
                }
            },
            samples(.upstreamRequests) { labels, status in
                status.upstream.requests.sorted { $0.key < $1.key }.map { code, count in
                    ShownSample(labels + [code], Double(count), created: status.since)
                }
            },
            samples(.upstreamRetries) { labels, status in
                [ShownSample(labels, Double(status.upstream.retries), created: status.since)]
            },
            samples(.upstreamDuration) { labels, status in
                let value = SampleValue.histogram(counts: status.upstream.buckets, sum: status.upstream.seconds)
                return [ShownSample(labels, value, created: status.since)]
            },
        ]
    }

    private func gauge(_ family: Metric, _ value: (SyncStatus) -> Double?) -> SeriesChange {
        samples(family) { labels, status in value(status).map { [ShownSample(labels, $0)] } ?? [] }
    }

    private func samples(_ family: Metric, _ make: ([String], SyncStatus) -> [ShownSample]) -> SeriesChange {
        let shown = statuses.sorted { $0.key < $1.key }.flatMap { source, status in
            make(accountLabels + [source], status)
        }
        return .replace(family: family.name, account: account, samples: shown)
    }
}
