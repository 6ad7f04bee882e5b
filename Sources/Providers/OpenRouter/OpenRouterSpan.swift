import Upstream
import UsageModel

/// An hour, or a day that is read as a whole, and its slices in ascending order.
struct OpenRouterSpan: Sendable {
    /// One hour, or the 24 hours of a day.
    let slices: [DueSlice]

    var start: Timestamp { slices.first?.slice.period.start ?? Timestamp(seconds: 0) }
    var end: Timestamp { slices.last?.slice.period.end ?? start }
    var day: UTCDay { start.day }
    var isDay: Bool { slices.count > 1 }

    private static let hoursOfDay = 24

    static func hours(of slices: [DueSlice]) -> [OpenRouterSpan] { slices.map { OpenRouterSpan(slices: [$0]) } }

    /// Returns the days whose last hour is due, so that no day is read more often than its last hour.
    static func days(of due: [DueSlice]) -> [OpenRouterSpan] {
        let known = Dictionary(due.map { ($0.slice, $0) }, uniquingKeysWith: { first, _ in first })
        return due.filter { $0.slice.period.end == $0.slice.period.start.day.period.end }.map { last in
            let day = last.slice.period.start.day
            return OpenRouterSpan(
                slices: (0..<hoursOfDay).map { hour in
                    let start = day.start + .hours(hour)
                    let slice = SliceID(period: Period(start: start, end: start + .hours(1)))
                    return known[slice] ?? DueSlice(slice: slice, lastRead: last.lastRead, settles: last.settles)
                })
        }
    }

    /// Returns the days of a run of hours that are due from their first hour to their last.
    static func days(of run: OpenRouterRun, in due: [DueSlice]) -> [OpenRouterSpan] {
        let wanted = Set(run.spans.map(\.day))
        let all = Set(due.map(\.slice))
        return days(of: due).filter { day in
            wanted.contains(day.day) && day.slices.allSatisfy { all.contains($0.slice) }
        }
    }

    /// Returns the stored usage of all hours; none of those that were never read.
    func storedUsage(_ context: any SyncContext) async throws -> OpenRouterUsage {
        var usage = OpenRouterUsage()
        for due in slices where isDay || due.lastRead != nil {
            usage.add(OpenRouterUsage(try await context.cells(of: due.slice)))
        }
        return usage
    }

    /// Returns the slices to commit: the first one holds everything.
    func readings(_ cells: [Cell], readAt: Timestamp) -> [SliceReading] {
        slices.enumerated().map { index, due in
            SliceReading(due.slice, cells: index == 0 ? cells : [], readAt: readAt)
        }
    }

    /// Joins adjacent hours or days into runs.
    static func runs(_ spans: [OpenRouterSpan], longest: Int) -> OpenRouterQueue {
        var runs: [OpenRouterRun] = []
        // Newest first, so that only the oldest run is short.
        for span in spans.sorted(by: { $0.start > $1.start }) {
            if let run = runs.last, run.start == span.end, run.spans.count < longest {
                runs[runs.count - 1].spans.insert(span, at: 0)
            } else {
                runs.append(OpenRouterRun(spans: [span], granularity: span.isDay ? .day : .hour))
            }
        }
        return OpenRouterQueue(runs: runs)
    }
}

/// Adjacent hours, or adjacent days, of one query, in ascending order.
struct OpenRouterRun: Sendable {
    fileprivate(set) var spans: [OpenRouterSpan]
    let granularity: OpenRouterQuery.Granularity

    var start: Timestamp { spans.first?.start ?? Timestamp(seconds: 0) }
    var end: Timestamp { spans.last?.end ?? start }

    /// Returns the range to query; nil if nothing of it has passed.
    ///
    /// It ends now, because a time in the future may be refused. If the clock was set back, it includes at least what the
    /// last query did.
    func range(at now: Timestamp) -> Period? {
        let lastRead = spans.last?.slices.last?.lastRead ?? now
        let range = Period(start: start, end: min(end, max(now, lastRead)))
        return range.start < range.end ? range : nil
    }
}

/// The runs to read, in order.
struct OpenRouterQueue {
    private var runs: [OpenRouterRun]

    fileprivate init(runs: [OpenRouterRun]) {
        self.runs = runs
    }

    mutating func next() -> OpenRouterRun? { runs.isEmpty ? nil : runs.removeFirst() }

    /// Adds runs to be read next.
    mutating func add(_ other: OpenRouterQueue) { runs = other.runs + runs }

    /// Adds a run to be read next.
    mutating func add(_ run: OpenRouterRun) { runs.insert(run, at: 0) }

    /// Adds both halves of a run, the newer one first. Returns whether it could be halved.
    mutating func halve(_ run: OpenRouterRun) -> Bool {
        guard run.spans.count > 1 else { return false }
        let middle = run.spans.count / 2
        let halves = [Array(run.spans[middle...]), Array(run.spans[..<middle])]
        runs = halves.map { OpenRouterRun(spans: $0, granularity: run.granularity) } + runs
        return true
    }

    /// Returns the runs of both queues, newest first.
    func merging(_ other: OpenRouterQueue) -> OpenRouterQueue {
        OpenRouterQueue(runs: (runs + other.runs).sorted { $0.start > $1.start })
    }
}

/// The values that the source `analytics` stores between syncs.
struct OpenRouterMemory {
    private(set) var names: OpenRouterKeyNames
    /// The account's keys, if they were listed in this sync.
    private var listedKeys: [OpenRouterListedKey]?
    /// Whether this sync has tried to list the keys.
    private var hasTriedList = false
    /// The time of the last sync that used the stored names.
    private let lastUse: Timestamp?
    /// Days that are read as a whole.
    private var wholeDays: Set<String>
    /// When analytics is tried again; nil if it was not missing.
    private var analyticsNext: Timestamp?
    /// When the next check for late charges and of lifetime totals is due.
    private var nextCheck: Timestamp?

    private static let wholeDaysName = "whole days"
    private static let analyticsName = "analytics next"
    private static let checkName = "next check"
    /// Longer than the provider keeps its data.
    private static let mostWholeDays = 400

    init(_ context: any SyncContext) async throws {
        names = try await context.remembered(OpenRouterKeyNames.memoryName) ?? OpenRouterKeyNames()
        lastUse = names.usedAt
        wholeDays = try await context.remembered(Self.wholeDaysName) ?? []
        analyticsNext = try await context.memory(Self.analyticsName).flatMap { Timestamp($0) }
        nextCheck = try await context.memory(Self.checkName).flatMap { Timestamp($0) }
    }

    /// Lists the keys if their names are due.
    mutating func updateNames(_ api: any UpstreamAPI, _ context: any SyncContext) async throws {
        names.use(at: context.now)
        if names.isDue(at: context.now) { _ = try await keys(api, context) } else { try await storeNames(context) }
    }

    /// Lists the keys if usage has a new name, because a key was created or renamed.
    mutating func lookUp(
        _ used: Set<String>, _ api: any UpstreamAPI, _ context: any SyncContext
    ) async throws {
        guard !names.unknown(of: used).isEmpty else { return }
        _ = try await keys(api, context)
        names.see(used)
        try await storeNames(context)
    }

    /// Returns the account's keys, which are listed at most once in a sync; nil if they cannot be listed: the last known
    /// names are used then.
    mutating func keys(_ api: any UpstreamAPI, _ context: any SyncContext) async throws -> [OpenRouterListedKey]? {
        guard !hasTriedList else { return listedKeys }
        hasTriedList = true
        do {
            let listed = try await OpenRouterKeyList.read(api, context)
            names.update(listed, lastUse: lastUse, at: context.now)
            listedKeys = listed
        } catch let failure as any ReasonedFailure where failure.reason != .storage {
            // A missing or refused list is a failure of the source `keys`; a refused key one of the next request.
            context.remark("cannot read the names of keys: \(failure.message)")
        }
        try await storeNames(context)
        return listedKeys
    }

    private func storeNames(_ context: any SyncContext) async throws {
        var reading = Reading()
        reading.memory[OpenRouterKeyNames.memoryName] = try RememberedJSON.text(of: names)
        try await context.commit(reading)
    }

    func isWhole(_ day: UTCDay) -> Bool { wholeDays.contains(day.description) }

    /// Records that a day was read as a whole, in the transaction that stores it.
    mutating func markWhole(_ day: UTCDay, in reading: inout Reading) throws {
        guard wholeDays.insert(day.description).inserted else { return }
        wholeDays = Set(wholeDays.sorted().suffix(Self.mostWholeDays))
        reading.memory[Self.wholeDaysName] = try RememberedJSON.text(of: wholeDays.sorted())
    }

    /// Whether analytics is read, and not only activity. A time beyond the longest wait is of a clock that was set back.
    func analyticsIsDue(at now: Timestamp) -> Bool {
        analyticsNext.map { $0 <= now || $0 > now + .days(1) } ?? true
    }

    mutating func analyticsWasMissing(_ context: any SyncContext) async throws {
        try await store(context.now + .days(1), as: Self.analyticsName, \.analyticsNext, context)
    }

    mutating func analyticsWasRead(_ context: any SyncContext) async throws {
        guard analyticsNext != nil else { return }
        try await store(nil, as: Self.analyticsName, \.analyticsNext, context)
    }

    func isCheckDue(at now: Timestamp) -> Bool {
        nextCheck.map { $0 <= now || $0 > now + .hours(1) } ?? true
    }

    mutating func checked(_ context: any SyncContext) async throws {
        try await store(context.now + .hours(1), as: Self.checkName, \.nextCheck, context)
    }

    private mutating func store(
        _ time: Timestamp?, as name: String, _ member: WritableKeyPath<OpenRouterMemory, Timestamp?>,
        _ context: any SyncContext
    ) async throws {
        self[keyPath: member] = time
        var reading = Reading()
        reading.memory[name] = .some(time?.description)
        try await context.commit(reading)
    }
}
