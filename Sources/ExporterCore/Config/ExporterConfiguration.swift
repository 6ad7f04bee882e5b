import Crypto
import Foundation
import UsageModel

/// The whole config file: checked, with all defaults filled in.
package struct ExporterConfiguration: Sendable, Hashable {
    /// What holds for all accounts together.
    package var global: GlobalConfiguration
    /// How label values are shown, where an account does not say otherwise.
    package var labels: LabelOptions
    /// The accounts in the file's order; never empty when it was read from a file.
    package var accounts: [AccountConfiguration]
    /// What is allowed but probably not meant, sorted by place.
    package var warnings: [ConfigurationProblem]

    /// A configuration put together in code: the demo's, a test's.
    package init(
        global: GlobalConfiguration = .standard, labels: LabelOptions = LabelOptions(),
        accounts: [AccountConfiguration], warnings: [ConfigurationProblem] = []
    ) {
        self.global = global
        self.labels = labels
        self.accounts = accounts
        self.warnings = warnings
    }
}

/// The section `global`.
package struct GlobalConfiguration: Sendable, Hashable {
    /// How often each source is read; a source never syncs faster than its own floor for this value.
    package var syncInterval: Duration = .minutes(5)
    /// The longest that one upstream request may take.
    package var timeout: Duration = .seconds(30)
    /// How long before an account's first sync its ledger begins, at UTC midnight.
    package var history: Duration = .days(30)
    /// The day ledgers begin, in place of `history`, so that replicas agree.
    package var ledgerStart: UTCDay?
    /// How long a series that is born later is served as 0 first.
    package var zeroFirst: Duration = .seconds(90)
    /// The windows that are computed here, in the order of the file.
    package var windows: [WindowSpan] = WindowSpan.allCases
    /// The most series that one account may have.
    package var seriesLimit = 5000
    /// How long daily roll-ups stay in storage.
    package var retention: Duration = .days(400)

    /// The section with nothing in it.
    package static let standard = GlobalConfiguration()

    /// The section with nothing in it.
    package init() {}
}

/// The section `labels`.
package struct LabelOptions: Sendable, Hashable {
    /// Whether values of `key` are replaced by a hash, for e-mail addresses that must not reach Prometheus.
    package var hashKeys = false
    /// New values for label values: label name → value as the provider gives it → value to show.
    package var rename: [String: [String: String]] = [:]

    /// Label values are shown as they are.
    package init() {}
}

/// The part of the accounts that one exporter of several reads.
///
/// An account belongs to the shard that ranks highest for its name (rendezvous hashing), so that one more shard takes
/// accounts from the others and none moves between those: an account that moves begins a new ledger.
package struct Shard: Sendable, Hashable {
    /// Its number, from 0.
    package let ordinal: Int
    /// How many there are.
    package let total: Int

    /// The only one: every account.
    package static let whole = Shard(0, of: 1)

    private init(_ ordinal: Int, of total: Int) {
        self.ordinal = ordinal
        self.total = total
    }

    /// A shard; nil unless the number is one of `0..<total`.
    package init?(ordinal: Int, total: Int) {
        guard total >= 1, (0..<total).contains(ordinal) else { return nil }
        self.init(ordinal, of: total)
    }

    /// Whether an account is read here: each is by exactly one of the shards.
    package func holds(account name: String) -> Bool {
        let ranks = (0..<total).map { Self.rank(of: name, in: $0) }
        return ranks.indices.max { (ranks[$0], $1) < (ranks[$1], $0) } == ordinal
    }

    /// The same on every machine and in every version: the first eight bytes of a hash of both.
    private static func rank(of name: String, in shard: Int) -> UInt64 {
        SHA256.hash(data: Data("\(shard)/\(name)".utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension ExporterConfiguration {
    /// Keeps the accounts of one shard alone.
    package func part(of shard: Shard) -> ExporterConfiguration {
        var part = self
        part.accounts = accounts.filter { shard.holds(account: $0.name) }
        return part
    }
}
