import UsageModel

/// Turns the status of an account's syncs into the families of ``HealthFamily``.
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
            gauge(HealthFamily.up) { status in status.isUp.map { $0 ? 1 : 0 } },
            gauge(HealthFamily.lastSuccess) { $0.lastSuccess?.seconds },
            gauge(HealthFamily.lastAttempt) { $0.lastAttempt?.seconds },
            gauge(HealthFamily.next) { $0.next?.seconds },
            gauge(HealthFamily.duration) { $0.duration },
            gauge(HealthFamily.dataThrough) { $0.dataThrough?.seconds },
            gauge(HealthFamily.deprecated) { $0.isDeprecated.map { $0 ? 1 : 0 } },
            gauge(HealthFamily.sunset) { $0.sunset?.seconds },
            gauge(HealthFamily.clockSkew) { $0.clockSkew },
            gauge(HealthFamily.quotaLimit) { ($0.quota?.limit).map(Double.init) },
            gauge(HealthFamily.quotaRemaining) { ($0.quota?.remaining).map(Double.init) },
            gauge(HealthFamily.quotaReset) { $0.quota?.reset?.seconds },
            samples(HealthFamily.syncs) { labels, status in
                // Every result begins at 0, so that `increase()` sees the first failure.
                (["success"] + FailureReason.allCases.map(\.rawValue)).map { result in
                    ShownSample(labels + [result], Double(status.results[result] ?? 0), created: status.since)
                }
            },
            samples(HealthFamily.upstreamRequests) { labels, status in
                status.upstream.requests.sorted { $0.key < $1.key }.map { code, count in
                    ShownSample(labels + [code], Double(count), created: status.since)
                }
            },
            samples(HealthFamily.upstreamRetries) { labels, status in
                [ShownSample(labels, Double(status.upstream.retries), created: status.since)]
            },
            samples(HealthFamily.upstreamDuration) { labels, status in
                let value = SampleValue.histogram(counts: status.upstream.buckets, sum: status.upstream.seconds)
                return [ShownSample(labels, value, created: status.since)]
            },
        ]
    }

    private func gauge(_ family: String, _ value: (SyncStatus) -> Double?) -> SeriesChange {
        samples(family) { labels, status in value(status).map { [ShownSample(labels, $0)] } ?? [] }
    }

    private func samples(_ family: String, _ make: ([String], SyncStatus) -> [ShownSample]) -> SeriesChange {
        let shown = statuses.sorted { $0.key < $1.key }.flatMap { source, status in
            make(accountLabels + [source], status)
        }
        return .replace(family: family, account: account, samples: shown)
    }
}
