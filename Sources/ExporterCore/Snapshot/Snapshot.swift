import NIOConcurrencyHelpers
import NIOCore
import PrometheusExposition
import UsageModel

/// The content encoding of a body.
package enum BodyEncoding: Sendable, Hashable {
    case identity
    case gzip
}

/// A complete rendered exposition: immutable, and shared by every scrape that begins before the next snapshot.
package struct Snapshot: Sendable {
    private let main: AccountsSection
    private let end: ExporterSection
    /// The sequence number of the published snapshots, from 1.
    package let number: UInt64

    /// The snapshot before the first published one.
    package static let empty = Snapshot(main: .empty, end: .empty, number: 0)

    init(main: AccountsSection, end: ExporterSection, number: UInt64) {
        self.number = number
        self.main = main
        self.end = end
    }

    /// The families of accounts.
    var families: [RenderedFamily] { main.families }
    /// The exporter's own families.
    var tail: [RenderedFamily] { end.families }

    /// The complete body of a scrape.
    package func body(_ format: ExpositionFormat, _ encoding: BodyEncoding) -> SnapshotBody {
        let last = end.parts[format]
        switch encoding {
        case .identity:
            return SnapshotBody(parts: main.identity(format) + [last.bytes])
        case .gzip:
            var member = main.member[format]
            member.add(last)
            return SnapshotBody(
                parts: [GzipMember.header] + main.deflated(format) + [last.deflated, member.trailer])
        }
    }
}

/// A body as the buffers to send.
package struct SnapshotBody: Sendable {
    /// Length of all parts in bytes.
    package let length: Int
    /// Buffers to send in order; shared, not copied.
    package let parts: [ByteBuffer]

    init(parts: [ByteBuffer]) {
        self.parts = parts.filter { $0.readableBytes > 0 }
        length = parts.reduce(0) { $0 + $1.readableBytes }
    }

    /// The same bytes in buffers of no more than `size` each; shared, not copied.
    package func slices(upTo size: Int) -> some Sequence<ByteBuffer> {
        parts.lazy.flatMap { part in
            stride(from: part.readerIndex, to: part.writerIndex, by: size).lazy.compactMap { start in
                part.getSlice(at: start, length: Swift.min(size, part.writerIndex - start))
            }
        }
    }

    /// The body as one array, for tests and files.
    package var bytes: [UInt8] { parts.flatMap { Array($0.readableBytesView) } }
}

/// A snapshot that was served to a scrape.
struct ServedSnapshot: Sendable {
    /// The snapshot's sequence number.
    let number: UInt64
    let at: Timestamp
}

/// Holds the newest snapshot. Scrapes read it without waiting for a sync.
package final class SnapshotStore: Sendable {
    private let snapshot = NIOLockedValueBox(Snapshot.empty)
    /// The newest snapshot of which a scrape was served all series (nil), or all series of one account.
    private let served = NIOLockedValueBox<[Int?: ServedSnapshot]>([:])

    package init() {}

    /// The newest snapshot.
    package var current: Snapshot { snapshot.withLockedValue { $0 } }

    /// Records that a scrape was served all of a snapshot's series, or all of one account's.
    package func markServed(_ snapshot: Snapshot, account: Int?, at now: Timestamp) {
        served.withLockedValue { served in
            guard snapshot.number >= served[account]?.number ?? 0 else { return }
            served[account] = ServedSnapshot(number: snapshot.number, at: now)
        }
    }

    /// The newest snapshot of which a scrape was served all of an account's series; nil before the first.
    func served(account: Int) -> ServedSnapshot? {
        served.withLockedValue { served in
            [served[nil], served[account]].compactMap { $0 }.max { $0.number < $1.number }
        }
    }

    /// Replaces the snapshot for later scrapes.
    func publish(_ newest: Snapshot) {
        snapshot.withLockedValue { $0 = newest }
    }
}
