import UsageLedger
import UsageModel

/// Turns the commits of an account's sources into series changes for the renderer.
actor AccountRenderer {
    /// An account's labels, and its index among the accounts.
    struct Identity: Sendable {
        let index: Int
        let provider: String
        let name: String

        var labels: [String] { [provider, name] }
    }

    /// Settings of the config that determine how an account's series are served.
    struct Options: Sendable {
        let windows: [WindowSpan]
        /// How long a new series stays at 0 after a scrape has seen it; nil to hold none at 0.
        let zeroFirst: Duration?
        let view: LabelView
        let seriesLimit: Int
        /// Number of series that ever exceeded an earlier limit.
        let overflowed: Int
        /// The account's shares of the budgets of the config.
        let budgets: [BudgetShare]
        let owners: Owners
    }

    /// A source with its stored status.
    struct Source: Sendable {
        let stored: LedgerSource
        let status: SyncStatus
        /// Whether it reports money spent.
        let reportsCost: Bool
        /// The other views of cost that it reports.
        let costViews: Set<LedgerFamily>
        /// Whether it reports usage rather than gauges only.
        let reportsUsage: Bool
    }

    /// The days that one source has read.
    private struct SourceDays {
        let reportsCost: Bool
        let costViews: Set<LedgerFamily>
        let reportsUsage: Bool
        /// By the label `key`; under "" where keys are not read separately.
        var coverage: [String: Coverage]
        /// Whether each window is complete, by the same key.
        var visible: [String: [Bool]] = [:]
    }

    let identity: Identity
    let id: AccountID
    let ledger: UsageLedger
    let view: LabelView
    private let renderer: MetricsRenderer
    private let budgetBook: BudgetBook
    let clock: any WallClock
    private var series: LedgerSeriesRendering
    private var windows: WindowRendering
    private(set) var gauges: GaugeRendering
    private var statuses: StatusRendering
    private var sources: [SourceID: SourceDays] = [:]
    /// The first day whose sums retention has kept; nil if it has deleted none.
    private var prunedBefore: UTCDay?
    /// Whether cost is estimated from the config's prices.
    private(set) var isCostEstimated = false
    private var today: UTCDay
    private let seriesLimit: Int
    private var budgets: AccountBudgets
    /// When the budgets' gauges were computed.
    private var budgetsShownAt = Timestamp(milliseconds: 0)
    private var owners: OwnerRendering
    private let overflowed: Int
    private var seriesShown = 0
    /// Whether a change failed to render, so that the next tick renders everything.
    private var isBehind = false
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(
        _ identity: Identity, account: LedgerAccount, ledger: UsageLedger, renderer: MetricsRenderer,
        budgetBook: BudgetBook, options: Options, clock: any WallClock
    ) {
        self.budgetBook = budgetBook
        self.identity = identity
        id = account.id
        prunedBefore = account.prunedBefore
        view = options.view
        self.ledger = ledger
        self.renderer = renderer
        self.clock = clock
        seriesLimit = options.seriesLimit
        overflowed = options.overflowed
        budgets = AccountBudgets(options.budgets)
        owners = OwnerRendering(account: identity.name, view: options.view, owners: options.owners)
        let (index, labels) = (identity.index, identity.labels)
        series = LedgerSeriesRendering(
            account: index, accountLabels: labels, zeroFirst: options.zeroFirst, view: options.view,
            catalogue: renderer.catalogue)
        windows = WindowRendering(
            account: index, accountLabels: labels, windows: options.windows, view: options.view,
            catalogue: renderer.catalogue)
        gauges = GaugeRendering(account: index, accountLabels: labels, view: options.view)
        statuses = StatusRendering(account: index, accountLabels: labels)
        today = clock.now.day
    }

    /// Renders what earlier runs stored, so that a restart serves the same series as before.
    func restore(account: LedgerAccount, sources restored: [Source]) async throws {
        await enter()
        defer { leave() }
        var changes: [SeriesChange] = [ledgerStart(account.ledgerStart)]
        for source in restored {
            sources[source.stored.id] = SourceDays(
                reportsCost: source.reportsCost, costViews: source.costViews, reportsUsage: source.reportsUsage,
                coverage: source.status.coverage)
            changes += gauges.changes(for: try await ledger.gauges(of: source.stored.id), from: source.stored.name)
            changes += gauges.changes(for: source.status, of: source.stored.name, now: clock.now)
            changes += statuses.changes(for: source.status, of: source.stored.name)
        }
        try await renderer.apply(changes)
        try await restoreSeries()
    }

    /// Renders a new start of the ledger, which may move until the account is first served.
    func showLedgerStart(_ start: Timestamp) async throws {
        try await renderer.apply([ledgerStart(start)])
    }

    private func ledgerStart(_ start: Timestamp) -> SeriesChange {
        .replace(
            family: Metric.ledgerStart.name, account: identity.index,
            samples: [ShownSample(identity.labels, start.seconds)])
    }

    /// Records the first snapshot that contains the account.
    func appeared(in snapshot: UInt64) {
        series.appeared(in: snapshot, isFirst: true)
    }

    /// Makes the next tick render everything, after a change failed to render.
    func showAllLater() {
        isBehind = true
    }

    /// Hides windows that begin before a day, because retention has deleted the sums before it.
    func pruned(before day: UTCDay?) async throws {
        await enter()
        defer { leave() }
        guard day != prunedBefore else { return }
        prunedBefore = day
        try await showAll()
    }

    /// Renders the stored series while more of them are read. The account is hidden until it is restored, so no scrape
    /// sees a part of them.
    private func restoreSeries() async throws {
        let now = clock.now
        if !series.held.isHolding { try await ledger.releaseAll(of: id) }
        begin(at: now)
        let sums = try await windowSums(of: nil, now: now)
        let (batches, sink) = AsyncStream<[SeriesTotal]>.makeStream()
        async let reading: Void = { [ledger, id] in
            defer { sink.finish() }
            try await ledger.readSeries(of: id) { sink.yield($0) }
        }()
        try await withThrowingTaskGroup(of: Void.self) { applying in
            for await batch in batches {
                let changes = try take(batch, sums, now: now)
                // The renderer applies one batch while this task prepares the next.
                try await applying.next()
                applying.addTask { [renderer] in try await renderer.apply(changes) }
            }
            try await applying.waitForAll()
        }
        // Cancelling the task ends the stream early, so the batches may be incomplete.
        try Task.checkCancellation()
        try await reading
        let snapshot = try await renderer.apply(try changesInCommon(now: now))
        series.appeared(in: snapshot, isFirst: false)
        try await shareBudgets(now: now)
    }

    /// Renders a source's sync: what it committed, and its result.
    func show(_ change: LedgerChange, _ status: SyncStatus, of source: LedgerSource) async throws {
        await enter()
        defer { leave() }
        let now = clock.now
        try await renderer.apply(
            gauges.changes(for: change.gauges, from: source.name) + statuses.changes(for: status, of: source.name)
                + ownerChanges())
        _ = try await apply(gauges.changes(for: status, of: source.name, now: now))
        if take(status.coverage, of: source, now: now) {
            try await showAll()
        } else {
            try await showSeries(of: change, now: now)
        }
    }

    /// Renders the owners of a new config. If the ledger cannot be read, the next tick renders them.
    func show(_ newest: Owners) async {
        await enter()
        defer { leave() }
        guard owners.replace(newest) else { return }
        isBehind = true
        try? await showAll()
    }

    /// Renders totals that changed.
    func show(_ change: LedgerChange) async throws {
        await enter()
        defer { leave() }
        try await showSeries(of: change, now: clock.now)
    }

    /// Reads the totals again, because another source's newer commit to the same series may have been rendered already.
    private func showSeries(of change: LedgerChange, now: Timestamp) async throws {
        guard !change.series.isEmpty else { return }
        // On a new day that no tick has seen yet the windows of all series move, not only those of these series.
        guard now.day == today else { return try await showAll() }
        let totals = try await ledger.series(of: id, ids: Set(change.series.map(\.id)))
        try await show(totals, windowSums(of: totals, now: now), now: now)
    }

    /// Applies the days that a source has read.
    ///
    /// - Returns: whether windows of other series than the committed ones may change.
    private func take(_ coverage: [String: Coverage], of source: LedgerSource, now: Timestamp) -> Bool {
        guard var days = sources[source.id] else { return false }
        let known = budgets.spans(on: now.day).map { isCostKnown(of: $0, now: now) }
        let visible = days.visible
        days.coverage = coverage
        days.visible = visibleWindows(coverage, now: now)
        sources[source.id] = days
        return now.day != today || visible != days.visible
            || known != budgets.spans(on: now.day).map { isCostKnown(of: $0, now: now) }
    }

    /// Applies changes that depend on time: series held at 0 get their value, windows roll over at midnight, and
    /// rolling windows of a failing source expire.
    ///
    /// - Returns: whether anything changed.
    func tick() async throws -> Bool {
        await enter()
        defer { leave() }
        let now = clock.now
        if now.day != today || isBehind {
            try await showAll()
            return true
        }
        let hasExpired = try await apply(gauges.expire(now: now))
        // The time at which a limit is passed depends on the time.
        if !budgets.isEmpty, now - budgetsShownAt >= .minutes(1) || now < budgetsShownAt {
            try await renderer.apply(budgetChanges(now: now))
            try await shareBudgets(now: now)
        }
        return try await release(now: now) || hasExpired
    }

    /// Applies expired windows.
    ///
    /// - Returns: whether there are any.
    private func apply(_ expired: [SeriesChange]) async throws -> Bool {
        guard !expired.isEmpty else { return false }
        do {
            try await renderer.apply(expired)
        } catch {
            gauges.forgetExpired()
            throw error
        }
        return true
    }

    /// Serves the values of series that were held at 0, once a scrape has seen the 0.
    private func release(now: Timestamp) async throws -> Bool {
        guard !series.held.isEmpty else { return false }
        let due = series.releasable(served: renderer.store.served(account: identity.index), now: now)
        guard !due.isEmpty else { return false }
        // Record it first, because a value that was served once must never be held again, even after a crash.
        try await ledger.release(due)
        let totals = try await ledger.series(of: id, ids: Set(due))
        try await renderer.apply(try series.take(totals) + series.groupChanges())
        return true
    }

    private func seriesCounts() -> [SeriesChange] {
        [
            (Metric.series.name, min(seriesShown, seriesLimit)), (Metric.seriesLimit.name, seriesLimit),
            (Metric.seriesOverflowed.name, max(overflowed, seriesShown - seriesLimit)),
        ].map { family, value in
            .replace(
                family: family, account: identity.index, samples: [ShownSample(identity.labels, Double(value))])
        }
    }

    /// Serializes calls: reading the ledger and rendering the result must not interleave with another call.
    private func enter() async {
        guard isBusy else {
            isBusy = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func leave() {
        if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
    }

    /// The first day whose cost is completely known; nil if no source reports cost.
    var costFrom: UTCDay? {
        let starts = sources.values.filter(\.reportsCost).compactMap { source in
            source.coverage.values.compactMap(\.spans.first?.start).min()
        }
        return starts.max().map { max(UTCDay(firstFrom: $0), prunedBefore ?? UTCDay(firstFrom: $0)) }
    }

    /// Whether the cost of a span of days, up to the last sync, is completely known.
    ///
    /// - Parameters:
    ///   - views: other views of cost that must be known too.
    ///   - selects: returns whether a key counts, where keys are read separately.
    func isCostKnown(
        of days: ClosedRange<UTCDay>, views: Set<LedgerFamily> = [], now: Timestamp,
        selects: (_ key: String) -> Bool = { _ in true }
    ) -> Bool {
        let known = sources.values.filter { $0.reportsCost || !$0.costViews.isDisjoint(with: views) }
        return known.contains(where: \.reportsCost)
            && known.allSatisfy { source in
                let counted = source.coverage.filter { $0.key.isEmpty || selects($0.key) }
                return !counted.isEmpty && counted.values.allSatisfy { covers($0, days, now: now) }
            }
    }

    private func covers(_ coverage: Coverage, _ days: ClosedRange<UTCDay>, now: Timestamp) -> Bool {
        coverage.covers(days, on: now.day) && prunedBefore.map { $0 <= days.lowerBound } ?? true
    }

    private func visibleWindows(_ coverage: [String: Coverage], now: Timestamp) -> [String: [Bool]] {
        let spans = windows.spans(at: now)
        return coverage.mapValues { coverage in spans.map { covers(coverage, $0, now: now) } }
    }

    /// Returns whether each window of a series is complete; `none` if its source has no coverage.
    private static func visibleWindows(
        of total: SeriesTotal, by sources: [SourceID: SourceDays], none: [Bool]
    ) -> [Bool] {
        let key = total.family.labelNames.firstIndex(of: "key").map { total.labels[$0] } ?? ""
        guard let source = sources[total.source] else {
            // The source that created the series is no longer configured, so another one feeds it, or none.
            let others = sources.values.filter(\.reportsUsage).map { $0.visible[key] ?? $0.visible[""] ?? none }
            return none.indices.map { index in !others.isEmpty && others.allSatisfy { $0[index] } }
        }
        return source.visible[key] ?? source.visible[""] ?? none
    }

    /// Sets the day to render, and recomputes for every source which windows are complete, because the day may be new.
    private func begin(at now: Timestamp) {
        today = now.day
        for (source, days) in sources { sources[source]?.visible = visibleWindows(days.coverage, now: now) }
    }

    private func showAll() async throws {
        let now = clock.now
        begin(at: now)
        let all = try await ledger.series(of: id)
        let sums = try await windowSums(of: nil, now: now)
        budgets.begin()
        owners.begin()
        try await show(all, sums, now: now)
        isBehind = false
    }

    private func show(_ totals: [SeriesTotal], _ sums: [Int64: [ExactDecimal]], now: Timestamp) async throws {
        // A series that is served with its value must not be held later, when the config holds new series again.
        if !series.held.isHolding { try await ledger.release(totals.filter(\.isNew).map(\.id)) }
        let snapshot = try await renderer.apply(try take(totals, sums, now: now) + changesInCommon(now: now))
        series.appeared(in: snapshot, isFirst: false)
        try await shareBudgets(now: now)
    }

    /// Applies totals and their window sums, and returns the changes of series that are served unmerged.
    private func take(
        _ totals: [SeriesTotal], _ sums: [Int64: [ExactDecimal]], now: Timestamp
    ) throws -> [SeriesChange] {
        if totals.contains(where: { $0.family == .estimatedCost }) { isCostEstimated = true }
        budgets.take(totals) { sums[$0]?.dropFirst(windows.windows.count) }
        owners.take(totals)
        seriesShown = totals.reduce(seriesShown) { max($0, $1.rank) }
        let (sources, none) = (sources, windows.windows.map { _ in false })
        return try series.take(totals)
            + windows.take(totals, sums: sums) { Self.visibleWindows(of: $0, by: sources, none: none) }
    }

    /// The changes that depend on all applied totals: merged series, budgets and the series counts.
    private func changesInCommon(now: Timestamp) throws -> [SeriesChange] {
        var changes = try series.groupChanges() + windows.groupChanges() + seriesCounts()
        changes += budgetChanges(now: now)
        return changes + ownerChanges()
    }

    private func ownerChanges() -> [SeriesChange] {
        owners.take(listed: gauges.keys(of: .keyInfo))
        return owners.gauge().map { gauges.changes(for: [.keyOwnerInfo: $0], from: "config") } ?? []
    }

    private func budgetChanges(now: Timestamp) -> [SeriesChange] {
        guard !budgets.isEmpty else { return [] }
        budgetsShownAt = now
        return gauges.changes(ofBudgets: budgets.own(at: now) { budgetPart(of: $0, now: now) })
    }

    /// Passes the account's parts of budgets that others share on.
    private func shareBudgets(now: Timestamp) async throws {
        try await budgetBook.take(budgets.shared { budgetPart(of: $0, now: now) }, of: identity)
    }

    /// The account's part of a budget; nil if it reports no money spent.
    private func budgetPart(of share: BudgetShare, now: Timestamp) -> BudgetPart? {
        guard sources.values.contains(where: \.reportsCost) else { return nil }
        let days = share.budget.period.days(containing: now.day)
        let recent = BudgetFigures.recentDays(on: now.day)
        func isKnown(_ days: ClosedRange<UTCDay>) -> Bool {
            isCostKnown(of: days, views: share.views, now: now, selects: share.needs)
        }
        return share.part(on: now.day, knowing: (isKnown(days.lowerBound...now.day), isKnown(recent)))
    }

    /// Sums the days of each window for the given series, or for all series of the account if nil. The spans of the
    /// budgets come last.
    private func windowSums(of totals: [SeriesTotal]?, now: Timestamp) async throws -> [Int64: [ExactDecimal]] {
        let spans = windows.spans(at: now) + budgets.spans(on: now.day)
        let ids = totals.map { totals in
            totals.filter { WindowRendering.gauges[$0.family] != nil || budgets.families.contains($0.family) }
                .map(\.id)
        }
        return spans.isEmpty || ids?.isEmpty == true
            ? [:] : try await ledger.windowSums(of: id, series: ids, spans: spans)
    }
}
