import NIOConcurrencyHelpers
import NIOCore
import PrometheusExposition
import UsageModel

/// How a body is sent.
package enum BodyEncoding: Sendable, Hashable {
    case identity
    case gzip
}

/// A complete exposition at one moment, as bytes: immutable, shared by every scrape that begins before the next.
///
/// Its parts are listed by each scrape, which sends as many.
package struct Snapshot: Sendable {
    private let main: AccountsSection
    private let end: ExporterSection
    /// Which of the published snapshots it is, from 1.
    package let number: UInt64

    /// Nothing yet.
    package static let empty = Snapshot(main: .empty, end: .empty, number: 0)

    init(main: AccountsSection, end: ExporterSection, number: UInt64) {
        self.number = number
        self.main = main
        self.end = end
    }

    /// Everything of accounts, by family.
    var families: [RenderedFamily] { main.families }
    /// The exporter's own families.
    var tail: [RenderedFamily] { end.families }

    /// The ready-made body of a scrape.
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

/// A body as the parts it is sent in.
package struct SnapshotBody: Sendable {
    /// Bytes of all parts.
    package let length: Int
    /// Buffers to be sent one after the other; shared, not copied.
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

/// A snapshot that a scrape was given.
struct ServedSnapshot: Sendable {
    /// Which of the published snapshots.
    let number: UInt64
    let at: Timestamp
}

/// Where the newest complete snapshot is: swapped whole, read without waiting for a sync.
package final class SnapshotStore: Sendable {
    private let snapshot = NIOLockedValueBox(Snapshot.empty)
    /// The newest snapshot that a scrape was given whole, by account where it was given one account's series only.
    private let served = NIOLockedValueBox<[Int?: ServedSnapshot]>([:])

    /// A store that shows nothing yet.
    package init() {}

    /// The newest snapshot.
    package var current: Snapshot { snapshot.withLockedValue { $0 } }

    /// Records that a scrape was given all of a snapshot's series, or all of one account's.
    ///
    /// - Parameter now: when.
    package func markServed(_ snapshot: Snapshot, account: Int?, at now: Timestamp) {
        served.withLockedValue { served in
            guard snapshot.number >= served[account]?.number ?? 0 else { return }
            served[account] = ServedSnapshot(number: snapshot.number, at: now)
        }
    }

    /// The newest snapshot of which a scrape was given all of an account's series; nil before the first.
    func served(account: Int) -> ServedSnapshot? {
        served.withLockedValue { served in
            [served[nil], served[account]].compactMap { $0 }.max { $0.number < $1.number }
        }
    }

    /// Shows a snapshot from now on.
    func publish(_ newest: Snapshot) {
        snapshot.withLockedValue { $0 = newest }
    }
}
