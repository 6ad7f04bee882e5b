import PrometheusExposition
import UsageModel

/// Keeps the text of every family and publishes a new snapshot when something changed.
///
/// Rendering follows what changed; a scrape never comes here.
package actor MetricsRenderer {
    /// Pages rendered so far: a scrape must not move it.
    package private(set) var renderings = 0

    /// Where snapshots are published.
    nonisolated let store: SnapshotStore
    /// How many snapshots were published.
    private var published: UInt64 = 0
    /// Accounts that were removed: what is still shown of them by then is dropped, so that no series stays behind.
    private var removed: Set<Int> = []
    private let deflater: Deflater
    private var main: [FamilyBlock] = []
    private var tail: [FamilyBlock] = []
    private var places: [String: (isTail: Bool, index: Int)] = [:]
    private var document = AccountsSection.empty
    private var end: ExporterSection

    /// - Parameters:
    ///   - store: where snapshots are published.
    ///   - showsCreated: whether the OpenMetrics format has `_created` lines.
    /// - Throws: where there is no memory to compress with.
    package init(publishingTo store: SnapshotStore, showsCreated: Bool = false) throws {
        self.store = store
        let deflater = try Deflater()
        self.deflater = deflater
        end = ExporterSection(families: [], deflater: deflater)
        let tailNames = Set(MetricCatalogue.exporterEntries.map(\.name))
        for family in MetricCatalogue.families {
            let bounds =
                family.name == HealthFamily.upstreamDuration
                ? MetricCatalogue.upstreamDurationBounds : LedgerFamily.durationBounds
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

    /// Takes changes in; they are shown by the next `publish`.
    ///
    /// - Returns: the number of the snapshot that shows them.
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

    /// Takes an account's series in from now on without showing them.
    func hide(account: Int) {
        removed.remove(account)
        for index in main.indices { main[index].hide(account: account) }
    }

    /// Shows an account that was hidden, in the place of another or beside all others: no scrape sees neither or both.
    ///
    /// - Returns: the number of the snapshot that shows it.
    @discardableResult
    func show(account: Int, insteadOf other: Int?) -> UInt64 {
        for index in main.indices { main[index].reveal(account: account) }
        if let other { remove(account: other) }
        return published + 1
    }

    /// Removes everything of an account, and drops what is applied to it from now on.
    func remove(account: Int) {
        removed.insert(account)
        for index in main.indices { main[index].remove(account: account) }
    }

    /// Renders what changed and shows it.
    func publish() {
        let rendered = (main: render(&main), tail: render(&tail))
        if rendered.main > 0 { document = AccountsSection(families: main.compactMap(\.rendered), deflater: deflater) }
        if rendered.tail > 0 { end = ExporterSection(families: tail.compactMap(\.rendered), deflater: deflater) }
        renderings += rendered.main + rendered.tail
        published += 1
        store.publish(Snapshot(main: document, end: end, number: published))
    }

    /// Renders what changed and answers how many pages that were.
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

/// A change to what is shown: the one language between what is known and its rendering.
enum SeriesChange: Sendable, Equatable {
    /// One series of an account has a new value; nil hides it, whatever its labels. They are rendered by whoever tells it,
    /// beside the renderer, which needs them only the first time: a start has many first times.
    case set(family: String, account: Int, key: Int64, labels: LabelSet, value: SampleValue?, created: Timestamp?)
    /// All series of an account in a family are these.
    case replace(family: String, account: Int, samples: [ShownSample])

    /// The family that it belongs to.
    var family: String {
        switch self {
        case .set(let family, _, _, _, _, _), .replace(let family, _, _): family
        }
    }

    /// The account that it belongs to; the exporter's own families have one in name only.
    var account: Int {
        switch self {
        case .set(_, let account, _, _, _, _), .replace(_, let account, _): account
        }
    }
}

/// A series as it is to be shown.
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
