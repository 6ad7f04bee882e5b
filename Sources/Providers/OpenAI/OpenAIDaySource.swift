import Upstream
import UsageModel

/// The figures of one UTC day, as read.
protocol OpenAIDay {
    var due: DueSlice { get }

    /// The ids of the keys with figures.
    var keyIDs: Set<String> { get }

    /// Returns the cells of the day.
    ///
    /// - Throws: `SourceFailure` with the reason `decode` for figures that cannot be valid.
    func cells(_ labels: inout OpenAIKeyLabels, _ context: any SyncContext) async throws -> [Cell]
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
    ///   - slices: the due days of the range, the newest first. One that is not listed yet is left out.
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
        let ids = days.reduce(into: Set<String>()) { $0.formUnion($1.keyIDs) }
        let known = try await keys.names(of: ids, context, &reading)
        for day in days {
            do {
                var labels = try await OpenAIKeyLabels(of: day.due.day, known: known, context)
                let cells = try await day.cells(&labels, context)
                reading.slices.append(SliceReading(day.due.slice, cells: cells, readAt: readAt))
                try labels.remember(in: &reading, now: context.now)
            } catch let failure as SourceFailure where failure.reason == .decode {
                failures.append(failure)
            }
        }
        if !reading.slices.isEmpty || !reading.memory.isEmpty { try await context.commit(reading) }
        if reading.slices.isEmpty, let first = failures.first { throw first }
        return failures
    }
}

extension [DueSlice] {
    /// Groups slices of days into ranges of at most the given number of days, the newest first.
    func ranges(of longest: Int) -> [[DueSlice]] {
        var ranges: [[DueSlice]] = []
        for due in sorted(by: { $0.slice.period.start > $1.slice.period.start }) {
            if let newest = ranges.last?.first, due.day.distance(to: newest.day) < longest {
                ranges[ranges.count - 1].append(due)
            } else {
                ranges.append([due])
            }
        }
        return ranges
    }

    /// From the oldest to the newest day of a range; nil if there is none.
    var days: ClosedRange<UTCDay>? {
        guard let newest = first, let oldest = last else { return nil }
        return oldest.day...newest.day
    }
}
