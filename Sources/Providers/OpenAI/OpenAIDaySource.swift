import Upstream
import UsageModel

/// The figures of one UTC day, as read.
protocol OpenAIDay {
    var due: DueSlice { get }

    /// The ids of the keys with figures.
    var keyIDs: Set<String> { get }

    /// Returns the cells of the day.
    ///
    /// - Parameter state: has the labels of the keys.
    /// - Throws: `SourceFailure` with the reason `decode` for figures that cannot be valid, or of which earlier ones are
    ///   missing.
    func cells(_ state: inout OpenAIDayState, _ context: any SyncContext) async throws -> [Cell]
}

/// A source that reads a range of UTC days with each query. Its slices are days.
///
/// How long a day may change is not documented, so a day is read again once a day until eight days after its month.
protocol OpenAIDaySource: UsageSource {
    associatedtype Day: OpenAIDay

    /// The documented limit of days in a response.
    static var longestRange: Int { get }

    var keys: OpenAIKeyDirectory { get }

    /// Reads a range of days.
    ///
    /// - Parameters:
    ///   - slices: the due days of the range, the newest first. The current one is left out if it is not listed yet.
    ///   - failures: receives the failures of single days.
    ///   - reading: receives values to store.
    func days(
        of slices: [DueSlice], _ range: ClosedRange<UTCDay>, _ context: any SyncContext,
        _ failures: inout [SourceFailure], _ reading: inout Reading
    ) async throws -> [Day]
}

extension OpenAIDaySource {
    var minimumInterval: Duration { .minutes(5) }

    var slicing: Slicing? { Slicing(unit: .day, revisedAfterMonth: .days(8)) }

    func sync(_ context: any SyncContext) async throws {
        var parts = UnreadableParts()
        var failures: [SourceFailure] = []
        for slices in context.dueSlices.ranges(of: Self.longestRange) {
            try await parts.isolate { failures += try await read(slices, context) }
        }
        for failure in failures { parts.record(failure) }
        try parts.check()
    }

    /// Checks that the current day, which may not be listed yet, was not listed before either.
    ///
    /// - Throws: `SourceFailure` if it has figures.
    func checkUnlisted(_ due: DueSlice, _ context: any SyncContext) async throws {
        let earlier = try await context.cells(of: due.slice).filter { $0.family != .reconciliation }
        guard !earlier.hasFigures else {
            throw SourceFailure(.decode, "\(name) no longer lists \(due.day), or only in part; the stored figures stay")
        }
    }

    /// Reads a range of days and commits those that are valid, in one transaction.
    ///
    /// - Returns: the failures of single days.
    /// - Throws: a failure if no day could be read.
    private func read(_ slices: [DueSlice], _ context: any SyncContext) async throws -> [SourceFailure] {
        guard let range = slices.days else { return [] }
        let readAt = context.now
        var reading = Reading()
        var failures: [SourceFailure] = []
        let days = try await days(of: slices, range, context, &failures, &reading)
        var states: [OpenAIDayState] = []
        for day in days { states.append(try await OpenAIDayState(of: day.due.day, context)) }
        let unlabelled = zip(days, states).reduce(into: Set<String>()) { $0.formUnion($1.1.unlabelled($1.0.keyIDs)) }
        let known = try await keys.names(of: unlabelled, context, &reading)
        for (day, var state) in zip(days, states) {
            do {
                state.add(day.keyIDs, known: known)
                let cells = try await day.cells(&state, context)
                reading.slices.append(SliceReading(day.due.slice, cells: cells, readAt: readAt))
                try state.remember(in: &reading, now: context.now)
            } catch let failure as SourceFailure where failure.reason == .decode {
                failures.append(failure)
            }
        }
        if !reading.slices.isEmpty || !reading.memory.isEmpty { try await context.commit(reading) }
        if reading.slices.isEmpty, let first = failures.first { throw first }
        return failures
    }
}

/// The stored state of one UTC day: the labels `key` of its first reading, which it keeps, and the endpoints of `usage`
/// that had requests.
struct OpenAIDayState {
    private struct Stored: Codable, Equatable {
        var names: [String: String] = [:]
        var endpoints: [OpenAIUsageEndpoint] = []
    }

    /// The endpoints of `usage` that had requests.
    var endpoints: [OpenAIUsageEndpoint]

    private let day: UTCDay
    private let stored: Stored?
    private var names: SliceKeyNames

    /// The number of days to keep the state: the ledger keeps cells, which need it, for at most 100 days.
    private static let daysRemembered = 100

    /// Reads the state that earlier readings of the day stored.
    init(of day: UTCDay, _ context: any SyncContext) async throws {
        self.day = day
        stored = try await context.remembered(Self.memoryName(day))
        names = SliceKeyNames(stored?.names ?? [:])
        endpoints = stored?.endpoints ?? []
    }

    /// Returns the keys without a label.
    func unlabelled(_ ids: Set<String>) -> Set<String> { ids.filter { names.byID[$0] == nil } }

    /// Adds the keys of a response. A name belongs to its key, whatever the order of keys without one.
    ///
    /// - Parameter known: the current names, for keys that the day does not know yet.
    mutating func add(_ ids: Set<String>, known: KeyNames) {
        let (named, others) = (ids.filter { known.byID[$0] != nil }, ids.filter { known.byID[$0] == nil })
        for id in named.sorted() + others.sorted() {
            _ = names.name(ofKey: id, otherwise: known.byID[id] ?? LongName.bounded(id))
        }
    }

    /// The label of a key that was added; empty for usage of no key.
    subscript(id: String?) -> String { id.map { names.byID[$0] ?? LongName.bounded($0) } ?? "" }

    /// Adds the state to the values to store. On the current day, deletes that of days whose cells are no longer kept;
    /// covers a month, so that no shorter outage leaves some behind.
    func remember(in reading: inout Reading, now: Timestamp) throws {
        if stored == nil, day == now.day {
            for age in (Self.daysRemembered + 1)...(Self.daysRemembered + 31) {
                reading.memory[Self.memoryName(day.advanced(by: -age))] = .some(nil)
            }
        }
        let state = Stored(names: names.byID, endpoints: endpoints)
        guard state != stored ?? Stored(), day.distance(to: now.day) <= Self.daysRemembered else { return }
        reading.memory[Self.memoryName(day)] = try RememberedJSON.text(of: state)
    }

    private static func memoryName(_ day: UTCDay) -> String { "day \(day)" }
}
