import PrometheusExposition
import UsageModel

/// Renders the families whose series changed, and publishes snapshots of all families.
///
/// A scrape reads the published snapshot and never calls the renderer.
package actor MetricsRenderer {
    /// Pages rendered so far. A scrape must not change it.
    package private(set) var renderings = 0

    /// The store that snapshots are published to.
    nonisolated let store: SnapshotStore
    nonisolated let catalogue: MetricCatalogue
    /// Number of published snapshots.
    private var published: UInt64 = 0
    /// Accounts that were removed. Later changes of them are dropped, so that no series of them reappears.
    private var removed: Set<Int> = []
    private let deflater: Deflater
    private var main: [FamilyBlock] = []
    private var tail: [FamilyBlock] = []
    private var places: [String: (isTail: Bool, index: Int)] = [:]
    private var document = AccountsSection.empty
    private var end: ExporterSection

    /// - Parameters:
    ///   - store: the store to publish snapshots to.
    ///   - catalogue: the families to serve.
    ///   - showsCreated: whether the OpenMetrics format has `_created` lines.
    /// - Throws: if there is no memory to compress with.
    package init(
        publishingTo store: SnapshotStore, catalogue: MetricCatalogue = .standard, showsCreated: Bool = false
    ) throws {
        self.store = store
        self.catalogue = catalogue
        let deflater = try Deflater()
        self.deflater = deflater
        end = ExporterSection(families: [], deflater: deflater)
        let tailNames = Set(Metric.exporter.map(\.name))
        for family in catalogue.families {
            let bounds =
                family.name == Metric.upstreamDuration.name
                ? Metric.upstreamDurationBounds : LedgerFamily.durationBounds
            let block = try FamilyBlock(
                family, bounds: bounds, showsCreated: showsCreated, deflater: deflater)
            if tailNames.contains(family.name) {
                places[family.name] = (true, tail.count)
                tail.append(block)
            } else {
                places[family.name] = (false, main.count)
                main.append(block)
            }
        }
    }

    /// Applies changes, which the next `publish` serves.
    ///
    /// - Returns: the number of the snapshot that will contain them.
    @discardableResult
    func apply(_ changes: [SeriesChange]) throws -> UInt64 {
        for change in changes where !removed.contains(change.account) || places[change.family]?.isTail == true {
            switch change {
            case .set(let family, let account, let key, let labels, let value, let created):
                try withBlock(family) { block in
                    block.set(
                        key, account: account, value, labels: labels,
                        created: created.map { UnixTimestamp(milliseconds: $0.milliseconds) })
                }
            case .replace(let family, let account, let samples):
                try withBlock(family) { block in
                    block.replace(
                        account: account,
                        with: try samples.map { sample in
                            SeriesTable.Entry(
                                labels: try LabelSet(sample.labels, of: block.family),
                                created: sample.created.map { UnixTimestamp(milliseconds: $0.milliseconds) },
                                value: sample.value)
                        })
                }
            }
        }
        return published + 1
    }

    /// Keeps an account's series out of snapshots until `show`.
    func hide(account: Int) {
        removed.remove(account)
        for index in main.indices { main[index].hide(account: account) }
    }

    /// Shows a hidden account, and removes another that it replaces. Both happen in one snapshot, so that no scrape
    /// sees neither or both.
    ///
    /// - Returns: the number of the snapshot that will contain it.
    @discardableResult
    func show(account: Int, insteadOf other: Int?) -> UInt64 {
        for index in main.indices { main[index].reveal(account: account) }
        if let other { remove(account: other) }
        return published + 1
    }

    /// Removes all series of an account, and drops later changes of it.
    func remove(account: Int) {
        removed.insert(account)
        for index in main.indices { main[index].remove(account: account) }
    }

    /// Renders what changed and publishes a snapshot.
    func publish() {
        let rendered = (main: render(&main), tail: render(&tail))
        if rendered.main > 0 { document = AccountsSection(families: main.compactMap(\.rendered), deflater: deflater) }
        if rendered.tail > 0 { end = ExporterSection(families: tail.compactMap(\.rendered), deflater: deflater) }
        renderings += rendered.main + rendered.tail
        published += 1
        store.publish(Snapshot(main: document, end: end, number: published))
    }

    /// Renders what changed and returns the number of rendered pages.
    private func render(_ blocks: inout [FamilyBlock]) -> Int {
        var count = 0
        for index in blocks.indices { count += blocks[index].render(with: deflater) }
        return count
    }

    private func withBlock(_ family: String, _ body: (inout FamilyBlock) throws -> Void) throws {
        guard let place = places[family] else { return }
        if place.isTail { try body(&tail[place.index]) } else { try body(&main[place.index]) }
    }
}

/// A change of served series, from the ledger, a source or the exporter itself to the renderer.
enum SeriesChange: Sendable, Equatable {
    /// Sets one series of an account; a nil value hides it. The sender renders the labels, because the renderer is an
    /// actor and rendering the labels of all series there would slow a start down.
    case set(family: String, account: Int, key: Int64, labels: LabelSet, value: SampleValue?, created: Timestamp?)
    /// Replaces all series of an account in a family.
    case replace(family: String, account: Int, samples: [ShownSample])

    /// The family that it belongs to.
    var family: String {
        switch self {
        case .set(let family, _, _, _, _, _), .replace(let family, _, _): family
        }
    }

    /// The account that it belongs to; meaningless for the exporter's own families.
    var account: Int {
        switch self {
        case .set(_, let account, _, _, _, _), .replace(_, let account, _): account
        }
    }
}

/// A series to serve.
struct ShownSample: Sendable, Equatable {
    let labels: [String]
    let value: SampleValue
    var created: Timestamp?

    init(_ labels: [String], _ value: Double, created: Timestamp? = nil) {
        self.init(labels, .number(value), created: created)
    }

    init(_ labels: [String], _ value: SampleValue, created: Timestamp? = nil) {
        self.labels = labels
        self.value = value
        self.created = created
    }
}
