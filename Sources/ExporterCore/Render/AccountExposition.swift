import UsageLedger
import UsageModel

/// What one account shows: turns what its sources committed into changes for the renderer.
actor AccountExposition {
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
        let zeroFirst: Duration
        let view: LabelView
        let seriesLimit: Int
        let monthlyBudget: ExactDecimal?
    }

    private struct SourceWindows {
        /// From when on it is known which day usage belongs to.
        let daysFrom: Timestamp
        var dataThrough: Timestamp?
        var visible: [Bool]
    }

    let identity: Identity
    let id: AccountID
    let ledger: UsageLedger
    private let ledgerStart: Timestamp
    let view: LabelView
    private let renderer: MetricsRenderer
    let clock: any WallClock
    private var series: LedgerSeriesRendering
    private var windows: WindowRendering
    private(set) var gauges: GaugeRendering
    private var statuses: StatusRendering
    private var sources: [SourceID: SourceWindows] = [:]
    /// The sources that report cost.
    private var costSources: Set<SourceID> = []
    /// Whether cost is worked out from the config's prices.
    private(set) var isCostEstimated = false
    private var today: UTCDay
    private let seriesLimit: Int
    private var budget: BudgetRendering?
    private var seriesShown = 0
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(
        _ identity: Identity, account: LedgerAccount, ledger: UsageLedger, renderer: MetricsRenderer,
        options: Options, clock: any WallClock
    ) {
        self.identity = identity
        id = account.id
        ledgerStart = account.ledgerStart
        view = options.view
        self.ledger = ledger
        self.renderer = renderer
        self.clock = clock
        seriesLimit = options.seriesLimit
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
    func restore(account: LedgerAccount, sources stored: [(source: LedgerSource, status: SyncStatus)]) async throws {
        await enter()
        defer { leave() }
        var changes: [SeriesChange] = [
            .replace(
                family: HealthFamily.ledgerStart, account: identity.index,
                samples: [ShownSample(identity.labels, account.ledgerStart.seconds)])
        ]
        for (source, status) in stored {
            let start = daysKnown(from: source, status)
            sources[source.id] = SourceWindows(daysFrom: start, dataThrough: status.dataThrough, visible: [])
            changes += gauges.changes(for: try await ledger.gauges(of: source.id), from: source.name)
            changes += statuses.changes(for: status, of: source.name)
        }
        try await renderer.apply(changes)
        try await restoreSeries()
    }

    /// Shows the stored series while more of them are read. The account is not shown before it is restored, so nobody sees
    /// a part of them.
    private func restoreSeries() async throws {
        let now = clock.now
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
        try await renderer.apply(try changesInCommon(now: now))
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
        try await renderer.apply(statuses.changes(for: status, of: source.name))
        let start = daysKnown(from: source, status)
        let visible = visibleWindows(start, status.dataThrough, now: clock.now)
        let before = sources[source.id]
        let isChanged = before?.visible != visible || before?.daysFrom != start
        sources[source.id] = SourceWindows(daysFrom: start, dataThrough: status.dataThrough, visible: visible)
        if isChanged { try await showAll() }
    }

    /// Lets time pass: series that were shown as 0 get their value, and windows roll over at midnight.
    ///
    /// - Returns: whether anything changed.
    func tick() async throws -> Bool {
        await enter()
        defer { leave() }
        let now = clock.now
        if now.day != today {
            try await showAll()
            return true
        }
        guard let release = series.nextRelease, release <= now else { return false }
        try await renderer.apply(try series.release(now: now))
        return true
    }

    private func seriesCounts() -> [SeriesChange] {
        [
            (HealthFamily.series, min(seriesShown, seriesLimit)), (HealthFamily.seriesLimit, seriesLimit),
            (HealthFamily.seriesOverflowed, max(0, seriesShown - seriesLimit)),
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

    private func daysKnown(from source: LedgerSource, _ status: SyncStatus) -> Timestamp {
        max(source.ledgerStart, status.daysFrom ?? source.ledgerStart)
    }

    /// The first day of which it is known whole what cost belongs to it; nil where no source reports cost.
    var costFrom: UTCDay? {
        costSources.compactMap { sources[$0]?.daysFrom }.max().map(UTCDay.init(firstFrom:))
    }

    private func visibleWindows(_ daysFrom: Timestamp, _ dataThrough: Timestamp?, now: Timestamp) -> [Bool] {
        WindowRendering.visible(windows.spans(at: now), ledgerStart: daysFrom, dataThrough: dataThrough)
    }

    /// Everything is shown as of this moment: which windows are whole is known anew for every source, since it may be the
    /// first moment of a day.
    private func begin(at now: Timestamp) {
        today = now.day
        for (source, windows) in sources {
            sources[source]?.visible = visibleWindows(windows.daysFrom, windows.dataThrough, now: now)
        }
    }

    private func showAll() async throws {
        let now = clock.now
        begin(at: now)
        let all = try await ledger.series(of: id)
        let sums = try await windowSums(of: nil, now: now)
        budget?.begin()
        try await show(all, sums, now: now)
    }

    private func show(_ totals: [SeriesTotal], _ sums: [Int64: [ExactDecimal]], now: Timestamp) async throws {
        try await renderer.apply(try take(totals, sums, now: now) + changesInCommon(now: now))
    }

    /// Takes totals and their sums over windows, and answers what to show for those that are shown as they are.
    private func take(
        _ totals: [SeriesTotal], _ sums: [Int64: [ExactDecimal]], now: Timestamp
    ) throws -> [SeriesChange] {
        for total in totals where BudgetRendering.families.contains(total.family) {
            costSources.insert(total.source)
            if total.family == .estimatedCost { isCostEstimated = true }
        }
        budget?.take(totals) { sums[$0]?.last }
        seriesShown = totals.reduce(seriesShown) { max($0, $1.rank) }
        let sources = sources
        let none = windows.windows.map { _ in false }
        return try series.take(totals, now: now)
            + windows.take(totals, sums: sums) { sources[$0.source]?.visible ?? none }
    }

    /// What to show for what was taken together: series that are shown as one, the budget, and how many series there are.
    private func changesInCommon(now: Timestamp) throws -> [SeriesChange] {
        var changes = try series.groupChanges() + windows.groupChanges() + seriesCounts()
        if let budget {
            let known = costFrom ?? UTCDay(firstFrom: ledgerStart)
            changes += gauges.changes(for: budget.gauges(on: now.day, costFrom: known), from: "config")
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
