import UsageModel

/// When a slice is read again: providers post usage late, so a closed slice is read a few times more, then settled.
///
/// | slice | read |
/// |---|---|
/// | open | at every sync |
/// | closed | at the first sync after its end, so that its last minutes are not missing until the next rung |
/// | closed | once after each further rung: +20 min, +1 h, +6 h, +24 h, +72 h after its end |
/// | read after the last rung | never again: settled |
public struct RereadLadder: Sendable {
    /// Times after a slice's end, ascending.
    private let rungs: [Duration]

    /// The ladder of all ledger sources.
    public static let standard = RereadLadder(
        rungs: [.zero, .minutes(20), .hours(1), .hours(6), .hours(24), .hours(72)])

    /// Whether a slice that is not settled should be read now.
    ///
    /// Always while it is open or if it was never read; else if a rung has passed since it was read. A reading that
    /// lies in the future was dated by a clock that has been set back since: the slice is read anew.
    public func isDue(slice: SliceID, lastRead: Timestamp?, now: Timestamp) -> Bool {
        guard slice.period.start <= now else { return false }
        guard let lastRead, lastRead <= now, slice.period.end <= now else { return true }
        return rungs.contains { rung in
            let moment = slice.period.end + rung
            return lastRead < moment && moment <= now
        }
    }

    /// Whether a reading is the slice's last: the final rung had passed.
    public func settles(slice: SliceID, readAt: Timestamp) -> Bool {
        guard let last = rungs.last else { return slice.period.end <= readAt }
        return slice.period.end + last <= readAt
    }
}
