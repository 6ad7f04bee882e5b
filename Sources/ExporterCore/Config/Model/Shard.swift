import Crypto
import Foundation

/// The part of the accounts that one exporter of several reads.
///
/// An account belongs to the shard that ranks highest for its name (rendezvous hashing), so that one more shard takes
/// accounts from the others and none moves between those: an account that moves begins a new ledger.
public struct Shard: Sendable, Hashable {
    /// Its number, from 0.
    public let ordinal: Int
    /// How many there are.
    public let total: Int

    /// The only one: every account.
    public static let whole = Shard(0, of: 1)

    private init(_ ordinal: Int, of total: Int) {
        self.ordinal = ordinal
        self.total = total
    }

    /// A shard; nil unless the number is one of `0..<total`.
    public init?(ordinal: Int, total: Int) {
        guard total >= 1, (0..<total).contains(ordinal) else { return nil }
        self.init(ordinal, of: total)
    }

    /// Whether an account is read here: each is by exactly one of the shards.
    public func holds(account name: String) -> Bool {
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
    public func part(of shard: Shard) -> ExporterConfiguration {
        var part = self
        part.accounts = accounts.filter { shard.holds(account: $0.name) }
        return part
    }
}
