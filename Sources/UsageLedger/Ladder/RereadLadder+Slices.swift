import UsageModel

extension RereadLadder {
    /// The slices of scope "" to read now: the open one, then the others, newest first.
    ///
    /// Those are the slices that the ladder asks for and those never read, back to the one that holds `ledgerStart`,
    /// without any that begins before what the provider still keeps: read in part, it would lose usage.
    ///
    /// - Parameter states: what the ledger knows of the source's slices, in any order; other scopes are left aside.
    public func dueSlices(
        states: [SliceState], slicing: Slicing, ledgerStart: Timestamp, now: Timestamp
    ) -> [DueSlice] {
        let known = KnownSlices(states, slicing: slicing)
        var first = slicing.unit.index(of: ledgerStart)
        if let oldest = slicing.oldestKept(now: now) {
            let index = slicing.unit.index(of: oldest)
            first = max(first, slicing.unit.period(index).start < oldest ? index + 1 : index)
        }
        var due: [DueSlice] = []
        for index in stride(from: slicing.unit.index(of: now), through: first, by: -1) {
            let slice = SliceID(period: slicing.unit.period(index))
            let knowledge = known[slice.period]
            guard knowledge != .settled, isDue(slice: slice, lastRead: knowledge.lastRead, now: now) else { continue }
            due.append(
                DueSlice(slice: slice, lastRead: knowledge.lastRead, settles: settles(slice: slice, readAt: now)))
        }
        return due
    }

    /// Up to when the source's usage is complete in the ledger.
    ///
    /// The start of the first slice that was never read, or the last reading of the first that was read only before
    /// it ended; `now` if there is neither. A slice that the provider no longer keeps is passed over: it will never
    /// be more complete.
    public func dataThrough(
        states: [SliceState], slicing: Slicing, ledgerStart: Timestamp, now: Timestamp
    ) -> Timestamp {
        let known = KnownSlices(states, slicing: slicing)
        let oldest = slicing.oldestKept(now: now)
        let first = slicing.unit.index(of: ledgerStart)
        for index in stride(from: first, through: slicing.unit.index(of: now), by: 1) {
            let period = slicing.unit.period(index)
            let isLost = oldest.map { period.start < $0 } ?? false
            switch known[period] {
            case .settled:
                continue
            case .missing:
                if !isLost { return max(period.start, ledgerStart) }
            case .read(let lastRead):
                if lastRead < period.end, !isLost { return min(max(lastRead, ledgerStart), now) }
            }
        }
        return max(now, ledgerStart)
    }
}

/// What is known of the slices of scope "", by their start.
private struct KnownSlices {
    enum Knowledge: Equatable {
        case missing
        case read(Timestamp)
        case settled

        var lastRead: Timestamp? {
            if case .read(let moment) = self { moment } else { nil }
        }
    }

    private var byStart: [Timestamp: Knowledge] = [:]
    /// Longer settled spans, each in place of all slices inside it.
    private var settledSpans: [Period] = []

    init(_ states: [SliceState], slicing: Slicing) {
        byStart.reserveCapacity(states.count)
        for state in states where state.slice.scope.isEmpty {
            let period = state.slice.period
            if period == slicing.unit.period(slicing.unit.index(of: period.start)) {
                byStart[period.start] = state.isSettled ? .settled : .read(state.lastRead)
            } else if state.isSettled {
                settledSpans.append(period)
            }
        }
    }

    subscript(period: Period) -> Knowledge {
        if let knowledge = byStart[period.start] { return knowledge }
        // The first slice may begin before the span does, where the ledger starts inside it.
        let isCovered = settledSpans.contains { $0.end >= period.end && $0.start < period.end }
        return isCovered ? .settled : .missing
    }
}

extension Slicing {
    /// The earliest moment of which the provider still has everything; nil where it says nothing.
    fileprivate func oldestKept(now: Timestamp) -> Timestamp? { kept.map { now - $0 } }
}

extension Slicing.Unit {
    private var milliseconds: Int64 {
        switch self {
        case .hour: 3_600_000
        case .day: 86_400_000
        }
    }

    /// The number of the slice that holds a moment, counted from 1970-01-01.
    fileprivate func index(of moment: Timestamp) -> Int64 {
        let (quotient, remainder) = moment.milliseconds.quotientAndRemainder(dividingBy: milliseconds)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// The slice of a number.
    fileprivate func period(_ index: Int64) -> Period {
        Period(
            start: Timestamp(milliseconds: index * milliseconds),
            end: Timestamp(milliseconds: (index + 1) * milliseconds))
    }
}
