import ConfigReading
import Crypto
import Foundation
import UsageModel

/// The validated config file, with defaults applied.
package struct ExporterConfiguration: Sendable, Hashable {
    /// The section `global`.
    package var global: GlobalConfiguration
    /// The section `labels`, which an account may override.
    package var labels: LabelOptions
    /// The section `snapshot`; nil if there is none.
    package var snapshot: SnapshotConfiguration?
    /// The accounts in the file's order; never empty if read from a file.
    package var accounts: [AccountConfiguration]
    /// Valid settings that are probably mistakes, sorted by position.
    package var warnings: [ConfigurationProblem]
    /// The metric families of the providers that an account may name.
    package var families: UsageFamilies
    /// The section `owners`.
    package var owners: Owners
    /// The section `budgets`, and the budgets of single accounts. The names are unique.
    package var budgets: [Budget]

    package init(
        global: GlobalConfiguration = .standard, labels: LabelOptions = LabelOptions(),
        snapshot: SnapshotConfiguration? = nil, accounts: [AccountConfiguration],
        warnings: [ConfigurationProblem] = [], families: UsageFamilies = MetricCatalogue.standard.usage,
        owners: Owners = Owners(), budgets: [Budget] = []
    ) {
        self.budgets = budgets
        self.owners = owners
        self.families = families
        self.global = global
        self.labels = labels
        self.snapshot = snapshot
        self.accounts = accounts
        self.warnings = warnings
    }
}

/// The section `global`.
package struct GlobalConfiguration: Sendable, Hashable {
    /// How often each source is read, but not more often than the source's own minimum interval.
    package var syncInterval: Duration = .minutes(5)
    /// The time-out of one upstream request.
    package var timeout: Duration = .seconds(30)
    /// How long before an account's first sync its ledger begins, at UTC midnight.
    package var history: Duration = .days(30)
    /// The day on which ledgers begin, instead of `history`, so that replicas agree.
    package var ledgerStart: UTCDay?
    /// How long a series that appears after the first sync is first served as 0.
    package var zeroFirst: Duration = .seconds(90)
    /// The windows that the exporter computes, in the order of the file.
    package var windows: [WindowSpan] = WindowSpan.allCases
    /// The maximum number of series of one account.
    package var seriesLimit = 5000
    /// How long daily roll-ups stay in storage.
    package var retention: Duration = .days(400)

    /// The defaults.
    package static let standard = GlobalConfiguration()

    package init() {}
}

/// The section `labels`.
package struct LabelOptions: Sendable, Hashable {
    /// Whether values of `key` are replaced by a hash: e-mail addresses must not reach Prometheus.
    package var hashKeys = false
    /// Renamed label values: label name → the provider's value → the value to show.
    package var rename: [String: [String: String]] = [:]

    package init() {}
}

/// One of several exporters that share the accounts.
///
/// An account belongs to the shard that ranks highest for its name (rendezvous hashing), so that adding a shard moves
/// accounts only to the new one. This matters because an account that moves begins a new ledger.
package struct Shard: Sendable, Hashable {
    /// The shard's number, from 0.
    package let ordinal: Int
    /// The number of shards.
    package let total: Int

    /// The only shard, with every account.
    package static let whole = Shard(0, of: 1)

    private init(_ ordinal: Int, of total: Int) {
        self.ordinal = ordinal
        self.total = total
    }

    /// Fails unless the number is in `0..<total`.
    package init?(ordinal: Int, total: Int) {
        guard total >= 1, (0..<total).contains(ordinal) else { return nil }
        self.init(ordinal, of: total)
    }

    /// Returns whether the shard reads an account. Each account belongs to exactly one shard.
    package func holds(account name: String) -> Bool {
        let ranks = (0..<total).map { Self.rank(of: name, in: $0) }
        return ranks.indices.max { (ranks[$0], $1) < (ranks[$1], $0) } == ordinal
    }

    /// The first eight bytes of a hash of both, equal on every machine and in every version.
    private static func rank(of name: String, in shard: Int) -> UInt64 {
        SHA256.hash(data: Data("\(shard)/\(name)".utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension ExporterConfiguration {
    /// The configuration with only the accounts of one shard.
    package func part(of shard: Shard) -> ExporterConfiguration {
        var part = self
        part.accounts = accounts.filter { shard.holds(account: $0.name) }
        return part
    }
}
