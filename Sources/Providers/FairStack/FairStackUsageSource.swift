import Upstream
import UsageModel

/// `GET /v1/usage`: cost and generations by model and modality, one UTC day per slice, for the account and each key.
///
/// Each sync sends one `GET /v1/usage/daily`, which shows the changed days of the last 31, also those that left the
/// re-read schedule. Only changed days are read. The documentation does not state the time zone of a date; UTC is
/// assumed because the timestamps in its examples end in `Z`.
struct FairStackUsageSource: UsageSource {
    static let endpoint = "usage"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .day)
    let reportsCost = true
    var costViews: Set<LedgerFamily> { keys.isEmpty ? [.modalityCost] : [.modalityCost, .keyCost, .keyCredits] }
    let upstream: FairStackUsageAPI
    let keys: [FairStackKey]

    /// Days of one query. No maximum is documented; the examples query a month.
    static let longestRange = 31
    /// Days that the re-read schedule covers; their cells are always kept.
    private static let longestScheduled = 3
    private static let refusedMemory = "refused"

    init(api: any UpstreamAPI, keys: [FairStackKey]) {
        upstream = FairStackUsageAPI(api: api)
        self.keys = keys
    }

    func sync(_ context: any SyncContext) async throws {
        let due = context.dueSlices
        guard let newest = due.map(\.slice.period.start.day).max() else { return }
        let stored = try await context.memory(Self.refusedMemory)
        var run = FairStackUsageRun(
            context: context, upstream: upstream,
            reader: FairStackDayReader(
                upstream, configured: keys, refused: FairStackRefusedKeys(stored: stored, configured: keys)))
        do {
            // Newest first, because live data come before history.
            let ranges = Dictionary(grouping: due) {
                $0.slice.period.start.day.distance(to: newest) / Self.longestRange
            }
            for (number, range) in ranges.sorted(by: { $0.key < $1.key }) {
                let others = number == 0 ? daysOffSchedule(context, newest: newest) : []
                try await run.read(range, reopenable: others)
            }
        } catch {
            try await remember(run.reader.refused, over: stored, context)
            throw error
        }
        try await remember(run.reader.refused, over: stored, context)
        if let failure = run.reader.refused.failure { run.unreadable.record(failure) }
        try run.unreadable.check()
    }

    /// The days of the newest range that are not due: those that left the schedule or are between two scheduled reads.
    private func daysOffSchedule(_ context: any SyncContext, newest: UTCDay) -> [DueSlice] {
        let settled = context.reopenable.filter { $0.isWithin(Self.longestRange, of: newest) }
        let known = Set((context.dueSlices + settled).map(\.slice))
        let recent = (1...Self.longestScheduled).map { SliceID(period: newest.advanced(by: -$0).period) }
        let waiting = recent.filter {
            !known.contains($0) && $0.period.end > context.ledgerStart
                && $0.period.end + .days(Self.longestScheduled) > context.startedAt
        }
        return waiting.map { DueSlice(slice: $0, lastRead: context.startedAt, settles: false) } + settled
    }

    private func remember(_ refused: FairStackRefusedKeys, over stored: String?, _ context: any SyncContext)
        async throws
    {
        let text = try refused.encoded()
        guard text != stored else { return }
        var reading = Reading()
        reading.memory.updateValue(text, forKey: Self.refusedMemory)
        try await context.commit(reading)
    }
}

extension DueSlice {
    /// Whether the slice's day is among the given number of days up to `newest`.
    fileprivate func isWithin(_ days: Int, of newest: UTCDay) -> Bool {
        (0..<days).contains(slice.period.start.day.distance(to: newest))
    }
}

/// One sync of FairStack's usage: decides which days to read, and commits each day in its own transaction.
struct FairStackUsageRun {
    let context: any SyncContext
    let upstream: FairStackUsageAPI
    var reader: FairStackDayReader
    /// Days and keys that could not be read.
    var unreadable = UnreadableParts()

    /// Reads a range of days: the open one first, then the others, newest first.
    ///
    /// - Parameters:
    ///   - due: the days of the re-read schedule.
    ///   - reopenable: further days, which are read only if `daily` shows a change.
    mutating func read(_ due: [DueSlice], reopenable: [DueSlice]) async throws {
        let days = (due + reopenable).map(\.slice.period.start.day)
        guard let first = days.min(), let last = days.max() else { return }
        let requestedAt = context.now
        let figures: [UTCDay: FairStackDayFigures]
        do {
            figures = try await upstream.daily(from: first, to: last) { context.remark($0) }
        } catch let failure as any ReasonedFailure where [.decode, .http4xx, .gone].contains(failure.reason) {
            // Without `daily`, only the open day is read. The other days stay due, so that history stays incomplete.
            try await read(due.filter { $0.slice.period.contains(requestedAt) }, [:])
            throw failure
        }
        var changed: [DueSlice] = []
        var unlisted: [DueSlice] = []
        var unchanged: [DueSlice] = []
        for due in due.newestFirst {
            let day = due.slice.period.start.day
            let isOpen = due.slice.period.contains(requestedAt)
            switch FairStackDayStep(due, figures[day] ?? .unlisted, try await context.memory(of: day), isOpen: isOpen) {
            case .keep: unchanged.append(due)
            case .read: changed.append(due)
            case .confirm: unlisted.append(due)
            }
        }
        let open = changed.filter { $0.slice.period.contains(requestedAt) }
        try await read(open, figures)
        try await keep(unchanged, requestedAt)
        if unlisted.count > 1, try await listsAll(figures, unlisted) {
            var reading = Reading()
            reading.slices = unlisted.map { SliceReading($0.slice, cells: [], readAt: requestedAt) }
            try await commit(reading)
            unlisted = []
        }
        changed += unlisted
        changed += try await changes(of: reopenable, figures)
        try await read(changed.filter { !$0.slice.period.contains(requestedAt) }.newestFirst, figures)
    }

    /// Commits the stored cells of unchanged days again, so that their read time is the present.
    private mutating func keep(_ unchanged: [DueSlice], _ requestedAt: Timestamp) async throws {
        guard !unchanged.isEmpty else { return }
        var reading = Reading()
        for due in unchanged {
            let cells = try await context.cells(of: due.slice)
            reading.slices.append(SliceReading(due.slice, cells: cells, readAt: requestedAt))
        }
        try await commit(reading)
    }

    /// Returns whether `daily` lists all usage between the first and the last of these days. One query of the whole
    /// range must return the sum of the listed days as its total.
    private func listsAll(_ figures: [UTCDay: FairStackDayFigures], _ unlisted: [DueSlice]) async throws -> Bool {
        let days = unlisted.map(\.slice.period.start.day)
        guard let first = days.min(), let last = days.max() else { return false }
        do {
            let whole = try await upstream.usage(from: first, to: last)
            return FairStackDayFigures.sum(figures, from: first, to: last).areWhole(of: whole)
        } catch let failure as any ReasonedFailure where [.decode, .http4xx].contains(failure.reason) {
            return false
        }
    }

    /// Returns the days that are not due and whose figures differ from those of their last read, or from their stored
    /// cells if there is no stored state.
    private func changes(
        of reopenable: [DueSlice], _ figures: [UTCDay: FairStackDayFigures]
    ) async throws -> [DueSlice] {
        var changed: [DueSlice] = []
        var reading = Reading()
        for due in reopenable {
            let day = due.slice.period.start.day
            let now = figures[day] ?? .unlisted
            if let step = FairStackDayStep(reopenable: due, now, try await context.memory(of: day), now: context.now) {
                if step == .read { changed.append(due) }
                continue
            }
            let cells = try await context.cells(of: due.slice)
            guard now.agrees(with: FairStackBreakdown(stored: cells)) else {
                changed.append(due)
                continue
            }
            var memory = FairStackDayMemory(configured: reader.configured, cells: cells)
            memory.record(now, isConfirmed: true)
            reading.memory[FairStackDayMemory.name(of: day)] = try memory.encoded()
        }
        if !reading.memory.isEmpty { try await context.commit(reading) }
        return changed
    }

    /// Reads days one by one and commits each.
    private mutating func read(_ days: [DueSlice], _ figures: [UTCDay: FairStackDayFigures]) async throws {
        var reader = reader
        var unreadable = unreadable
        // Also if a day fails, the failures of its keys are stored.
        defer {
            self.reader = reader
            self.unreadable = unreadable
        }
        let context = context
        for due in days {
            try await unreadable.isolate {
                let day = due.slice.period.start.day
                let (slice, memory) = try await reader.read(
                    due, figures: figures[day] ?? .unlisted, remembered: try await context.memory(of: day), context)
                var reading = Reading()
                reading.slices = [slice]
                reading.memory[FairStackDayMemory.name(of: day)] = try memory.encoded()
                if due.lastRead == nil {
                    let outlived = FairStackDayMemory.name(of: day.advanced(by: -FairStackDayMemory.lifetime))
                    reading.memory.updateValue(nil, forKey: outlived)
                }
                try await context.commit(reading)
            }
        }
    }

    private mutating func commit(_ reading: Reading) async throws {
        try await context.commit(reading)
        unreadable.recordReading()
    }
}

extension SyncContext {
    fileprivate func memory(of day: UTCDay) async throws -> FairStackDayMemory? {
        FairStackDayMemory(stored: try await memory(FairStackDayMemory.name(of: day)))
    }
}

extension [DueSlice] {
    fileprivate var newestFirst: [DueSlice] { sorted { $0.slice.period.start > $1.slice.period.start } }
}
