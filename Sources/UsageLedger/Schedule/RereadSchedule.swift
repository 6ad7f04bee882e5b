import UsageModel

/// When a slice is read again: providers post usage late, so a closed slice is read a few times more.
///
/// | slice | read |
/// |---|---|
/// | open | at every sync |
/// | closed | at the first sync after its end, so that its last minutes are not missing until the next offset |
/// | closed | once after each further offset: +20 min, +1 h, +6 h, +24 h, +72 h after its end |
/// | read after the last offset | not on schedule; again where a totals query shows a change, or on request |
///
/// Nothing is stored of the schedule: it follows from when a slice was last read, so a reading that was dated by a wrong
/// clock is repeated once the clock is right.
public struct RereadSchedule: Sendable {
    /// Times after a slice's end, ascending.
    private let offsets: [Duration]

    /// The schedule of all ledger sources.
    public static let standard = RereadSchedule(
        offsets: [.zero, .minutes(20), .hours(1), .hours(6), .hours(24), .hours(72)])

    /// The shortest time for which a slice's cells must be kept after its end: all scheduled readings and a day more.
    public static let shortestKept = Duration.hours(96)

    /// Whether a slice should be read now.
    ///
    /// Always while it is open or if it was never read; else if an offset has passed since it was read. A reading that
    /// lies in the future was dated by a clock that has been set back since: the slice is read again.
    public func isDue(slice: SliceID, lastRead: Timestamp?, now: Timestamp) -> Bool {
        guard slice.period.start <= now else { return false }
        guard let lastRead, lastRead <= now, slice.period.end <= now else { return true }
        return offsets.contains { offset in
            let time = slice.period.end + offset
            return lastRead < time && time <= now
        }
    }

    /// Whether a reading is the slice's last on schedule: the final offset had passed.
    public func settles(slice: SliceID, readAt: Timestamp) -> Bool {
        guard let last = offsets.last else { return slice.period.end <= readAt }
        return slice.period.end + last <= readAt
    }
}
