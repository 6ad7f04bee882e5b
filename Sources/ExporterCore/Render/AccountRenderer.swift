import UsageLedger
import UsageModel

/// What one account shows: turns what its sources committed into changes for the renderer.
actor AccountRenderer {
    /// How an account appears in labels, and its place among the accounts.
    struct Identity: Sendable {
        let index: Int
        let provider: String
        let name: String

        var labels: [String] { [provider, name] }
    }

    /// What the config says of how an account is shown.
    struct Options: Sendable {
        let windows: [WindowSpan]
        /// How long a new series stays at 0 after a scrape has seen it; nil to hold none.
        let zeroFirst: Duration?
        let view: LabelView
        let seriesLimit: Int
        /// How many series were ever past a limit before this one.
        let overflowed: Int
        let monthlyBudget: ExactDecimal?
    }

    /// A source as the account is restored with it.
    struct Source: Sendable {
        let stored: LedgerSource
        let status: SyncStatus
        /// Whether it reports money spent.
        let reportsCost: Bool
        /// Whether it reports usage, and not gauges only.
        let reportsUsage: Bool
    }

    /// What is known of the days of one source.
    private struct SourceDays {
        let reportsCost: Bool
        let reportsUsage: Bool
        /// By the label `key`, or under "" for all.
        var coverage: [String: Coverage]
        /// Which windows are whole, in the same way.
        var visible: [String: [Bool]] = [:]
    }

    let identity: Identity
    let id: AccountID
    let ledger: UsageLedger
    let view: LabelView
    private let renderer: MetricsRenderer
    let clock: any WallClock
    private var series: LedgerSeriesRendering
    private var windows: WindowRendering
    private(set) var gauges: GaugeRendering
    private var statuses: StatusRendering
    private var sources: [SourceID: SourceDays] = [:]
    /// The first day whose sums retention has kept; nil where it has deleted none.
    private var prunedBefore: UTCDay?
    /// Whether cost is worked out from the config's prices.
    private(set) var isCostEstimated = false
    private var today: UTCDay
    private let seriesLimit: Int
    private var budget: BudgetRendering?
    private let overflowed: Int
    private var seriesShown = 0
    /// Whether a change could not be shown, so that everything is to be shown at the next opportunity.
    private var isBehind = false
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(
        _ identity: Identity, account: LedgerAccount, ledger: UsageLedger, renderer: MetricsRenderer,
        options: Options, clock: any WallClock
    ) {
        self.identity = identity
        id = account.id
        prunedBefore = account.prunedBefore
        view = options.view
        self.ledger = ledger
        self.renderer = renderer
        self.clock = clock
        seriesLimit = options.seriesLimit
        overflowed = options.overflowed
        budget = options.monthlyBudget.map(BudgetRendering.init)
        let (index, labels) = (identity.index, identity.labels)
        series = LedgerSeriesRendering(
            account: index, accountLabels: labels, zeroFirst: options.zeroFirst, view: options.view)
        windows = WindowRendering(account: index, accountLabels: labels, windows: options.windows, view: options.view)
        gauges = GaugeRendering(account: index, accountLabels: labels, view: options.view)
        statuses = StatusRendering(account: index, accountLabels: labels)
        today = clock.now.day
    }

    /// Shows what the storage holds from earlier runs, so that a restart serves what was served before.
    func restore(account: LedgerAccount, sources restored: [Source]) async throws {
        await enter()
        defer { leave() }
        var changes: [SeriesChange] = [ledgerStart(account.ledgerStart)]
        for source in restored {
            sources[source.stored.id] = SourceDays(
                reportsCost: source.reportsCost, reportsUsage: source.reportsUsage, coverage: source.status.coverage)
            changes += gauges.changes(for: try await ledger.gauges(of: source.stored.id), from: source.stored.name)
            changes += gauges.changes(for: source.status, of: source.stored.name, now: clock.now)
            changes += statuses.changes(for: source.status, of: source.stored.name)
        }
        try await renderer.apply(changes)
        try await restoreSeries()
    }

    /// Shows another start of the ledger: until something was served it may move.
    func showLedgerStart(_ start: Timestamp) async throws {
        try await renderer.apply([ledgerStart(start)])
    }

    private func ledgerStart(_ start: Timestamp) -> SeriesChange {
        .replace(
            family: HealthFamily.ledgerStart, account: identity.index,
            samples: [ShownSample(identity.labels, start.seconds)])
    }

    /// Takes note that the account is visible from a snapshot on.
    func appeared(in snapshot: UInt64) {
        series.appeared(in: snapshot, isFirst: true)
    }

    /// Has everything shown at the next opportunity, after a change could not be.
    func showAllLater() {
        isBehind = true
    }

    /// Serves no window that reaches back before a day: retention has deleted sums before it.
    func pruned(before day: UTCDay?) async throws {
        await enter()
        defer { leave() }
        guard day != prunedBefore else { return }
        prunedBefore = day
        try await showAll()
    }

    /// Shows the stored series while more of them are read. The account is not shown before it is restored, so nobody sees
    /// a part of them.
    private func restoreSeries() async throws {
        let now = clock.now
        if !series.held.isHolding { try await ledger.releaseAll(of: id) }
        begin(at: now)
        let sums = try await windowSums(of: nil, now: now)
        let (portions, sink) = AsyncStream<[SeriesTotal]>.makeStream()
        async let reading: Void = { [ledger, id] in
            defer { sink.finish() }
            try await ledger.readSeries(of: id) { sink.yield($0) }
        }()
        try await withThrowingTaskGroup(of: Void.self) { applying in
            for await portion in portions {
                let changes = try take(portion, sums, now: now)
                // The renderer takes one portion in while the next is gone over.
                try await applying.next()
                applying.addTask { [renderer] in try await renderer.apply(changes) }
            }
            try await applying.waitForAll()
        }
        // A task that is cancelled gets no more portions, whatever was read.
        try Task.checkCancellation()
        try await reading
        let snapshot = try await renderer.apply(try changesInCommon(now: now))
        series.appeared(in: snapshot, isFirst: false)
    }

    /// Shows what a source committed.
    func show(_ change: LedgerChange, from source: LedgerSource) async throws {
        await enter()
        defer { leave() }
        try await renderer.apply(gauges.changes(for: change.gauges, from: source.name))
        try await showSeries(of: change)
    }

    /// Shows totals that changed.
    func show(_ change: LedgerChange) async throws {
        await enter()
        defer { leave() }
        try await showSeries(of: change)
    }

    /// The totals are read again: another source's commit to the same series may have been shown before this one.
    private func showSeries(of change: LedgerChange) async throws {
        guard !change.series.isEmpty else { return }
        let now = clock.now
        // A new day that no tick has told of yet moves the windows of all series, not of these alone.
        guard now.day == today else { return try await showAll() }
        let totals = try await ledger.series(of: id, ids: Set(change.series.map(\.id)))
        try await show(totals, windowSums(of: totals, now: now), now: now)
    }

    /// Shows how a source's sync went.
    func show(_ status: SyncStatus, of source: LedgerSource) async throws {
        await enter()
        defer { leave() }
        let now = clock.now
        try await renderer.apply(
            statuses.changes(for: status, of: source.name) + gauges.changes(for: status, of: source.name, now: now))
        guard var days = sources[source.id] else { return }
        let isMonthWhole = isMonthWhole(now: now)
        let visible = days.visible
        days.coverage = status.coverage
        days.visible = visibleWindows(days.coverage, now: now)
        sources[source.id] = days
        if now.day != today || visible != days.visible || isMonthWhole != self.isMonthWhole(now: now) {
            try await showAll()
        }
    }

    /// Lets time pass: series that were shown as 0 get their value, windows roll over at midnight, and rolling windows of
    /// a source that fails end.
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
        let expired = gauges.expire(now: now)
        if !expired.isEmpty { try await renderer.apply(expired) }
        return try await release(now: now) || !expired.isEmpty
    }

    /// Shows series that were held at 0 with their values, once they were scraped as 0.
    private func release(now: Timestamp) async throws -> Bool {
        guard !series.held.isEmpty else { return false }
        let due = series.releasable(served: renderer.store.served(account: identity.index), now: now)
        guard !due.isEmpty else { return false }
        // Recorded first: a value that was served once must never be held again, whatever becomes of this process.
        try await ledger.release(due)
        let totals = try await ledger.series(of: id, ids: Set(due))
        try await renderer.apply(try series.take(totals) + series.groupChanges())
        return true
    }

    private func seriesCounts() -> [SeriesChange] {
        [
            (HealthFamily.series, min(seriesShown, seriesLimit)), (HealthFamily.seriesLimit, seriesLimit),
            (HealthFamily.seriesOverflowed, max(overflowed, seriesShown - seriesLimit)),
        ].map { family, value in
            .replace(
                family: family, account: identity.index, samples: [ShownSample(identity.labels, Double(value))])
        }
    }

    /// Waits for its turn: what is read from the ledger and what is shown of it must not interleave with another's.
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

    /// The first day of which it is known whole what cost belongs to it; nil where no source reports cost.
    var costFrom: UTCDay? {
        let starts = sources.values.filter(\.reportsCost).compactMap { source in
            source.coverage.values.compactMap(\.spans.first?.start).min()
        }
        return starts.max().map { max(UTCDay(firstFrom: $0), prunedBefore ?? UTCDay(firstFrom: $0)) }
    }

    /// Whether the cost of this month is known whole, as far as it was read.
    func isMonthWhole(now: Timestamp) -> Bool {
        let month = BudgetRendering.month(of: now.day)
        let known = sources.values.filter(\.reportsCost).map(\.coverage)
        return !known.isEmpty
            && known.allSatisfy { !$0.isEmpty && $0.values.allSatisfy { covers($0, month, now: now) } }
    }

    private func covers(_ coverage: Coverage, _ days: ClosedRange<UTCDay>, now: Timestamp) -> Bool {
        coverage.covers(days, on: now.day) && prunedBefore.map { $0 <= days.lowerBound } ?? true
    }

    private func visibleWindows(_ coverage: [String: Coverage], now: Timestamp) -> [String: [Bool]] {
        let spans = windows.spans(at: now)
        return coverage.mapValues { coverage in spans.map { covers(coverage, $0, now: now) } }
    }

    /// Which windows of a series are whole; `none` where nothing is known of its source.
    private static func visibleWindows(
        of total: SeriesTotal, by sources: [SourceID: SourceDays], none: [Bool]
    ) -> [Bool] {
        let key = total.family.labelNames.firstIndex(of: "key").map { total.labels[$0] } ?? ""
        guard let source = sources[total.source] else {
            // The source that named it first is no longer configured: another one feeds it, or none.
            let others = sources.values.filter(\.reportsUsage).map { $0.visible[key] ?? $0.visible[""] ?? none }
            return none.indices.map { index in !others.isEmpty && others.allSatisfy { $0[index] } }
        }
        return source.visible[key] ?? source.visible[""] ?? none
    }

    /// Everything is shown as of this moment: which windows are whole is known anew for every source, since it may be the
    /// first moment of a day.
    private func begin(at now: Timestamp) {
        today = now.day
        for (source, days) in sources { sources[source]?.visible = visibleWindows(days.coverage, now: now) }
    }

    private func showAll() async throws {
        let now = clock.now
        begin(at: now)
        let all = try await ledger.series(of: id)
        let sums = try await windowSums(of: nil, now: now)
        budget?.begin()
        try await show(all, sums, now: now)
        isBehind = false
    }

    private func show(_ totals: [SeriesTotal], _ sums: [Int64: [ExactDecimal]], now: Timestamp) async throws {
        // What is served with its value at once must not be held later, when the config holds new series again.
        if !series.held.isHolding { try await ledger.release(totals.filter(\.isNew).map(\.id)) }
        let snapshot = try await renderer.apply(try take(totals, sums, now: now) + changesInCommon(now: now))
        series.appeared(in: snapshot, isFirst: false)
    }

    /// Takes totals and their sums over windows, and answers what to show for those that are shown as they are.
    private func take(
        _ totals: [SeriesTotal], _ sums: [Int64: [ExactDecimal]], now: Timestamp
    ) throws -> [SeriesChange] {
        for total in totals where BudgetRendering.families.contains(total.family) {
            if total.family == .estimatedCost { isCostEstimated = true }
        }
        budget?.take(totals) { sums[$0]?.last }
        seriesShown = totals.reduce(seriesShown) { max($0, $1.rank) }
        let (sources, none) = (sources, windows.windows.map { _ in false })
        return try series.take(totals)
            + windows.take(totals, sums: sums) { Self.visibleWindows(of: $0, by: sources, none: none) }
    }

    /// What to show for what was taken together: series that are shown as one, the budget, and how many series there are.
    private func changesInCommon(now: Timestamp) throws -> [SeriesChange] {
        var changes = try series.groupChanges() + windows.groupChanges() + seriesCounts()
        if let budget {
            changes += gauges.changes(
                for: budget.gauges(on: now.day, isWhole: isMonthWhole(now: now)), from: "config")
        }
        return changes
    }

    /// Sums over the windows' days of those series that have any, or of all series of the account; the budget's month
    /// comes last, where there is a budget.
    private func windowSums(of totals: [SeriesTotal]?, now: Timestamp) async throws -> [Int64: [ExactDecimal]] {
        let spans = windows.spans(at: now) + (budget == nil ? [] : [BudgetRendering.month(of: now.day)])
        let ids = totals.map { totals in
            totals.filter { WindowRendering.families.contains($0.family) || $0.family == .estimatedCost }.map(\.id)
        }
        return spans.isEmpty || ids?.isEmpty == true
            ? [:] : try await ledger.windowSums(of: id, series: ids, spans: spans)
    }
}
