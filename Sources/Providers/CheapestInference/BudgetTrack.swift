import UsageModel

/// The budget period that a key is in, and the ledger's slice of it: a pure value that follows what the API shows.
///
/// The API shows `spent` of the present period alone, so a period is a slice whose cell is `spent`, and the counter is
/// the sum over periods. What tells that a new one began:
///
/// | `resets_at` | `spent` fell | it did not |
/// |---|---|---|
/// | moved on, and the old one has passed | new period | new period |
/// | moved on before the old one has passed | new period | the same, moved (a plan was extended) |
/// | the same, and not yet passed | the same: the provider corrected it | the same |
/// | the same, and passed | new period | the same: the reset is late |
/// | missing, then or now | new period | the same |
///
/// A slice needs an end, after which the ledger settles it. Where `resets_at` is missing or stale the slice ends after
/// a month, and the period goes on in another slice that holds only what was spent since.
struct BudgetTrack: Codable, Sendable, Equatable {
    /// The slice's start: no two of a key are the same.
    let start: Timestamp
    /// The slice's end.
    let end: Timestamp
    /// When the period ends, as the API said last.
    private(set) var resetsAt: Timestamp?
    /// `spent` as read last, and the part of it that earlier slices of the same period hold; USD as decimal text.
    private var spentText: String
    private var countedText: String

    /// What the period cost so far.
    var spent: ExactDecimal { ExactDecimal(spentText) ?? .zero }

    /// What the slice holds of it.
    var cost: ExactDecimal { spent - (ExactDecimal(countedText) ?? .zero) }

    /// Differences in `resets_at` below this are the API's rounding, and its clock may be this far from ours.
    private static let tolerance = Duration.minutes(1)
    /// A slice without a known end gets this length.
    private static let openLength = Duration.days(31)

    /// Takes in what the API showed at a moment.
    ///
    /// - Parameters:
    ///   - earlier: the track so far; nil at the first reading of a key.
    ///   - length: the period's length, where the API says it readably.
    init(
        after earlier: BudgetTrack?, spent: ExactDecimal, resetsAt: Timestamp?, length: Duration?, now: Timestamp
    ) {
        self.resetsAt = resetsAt
        spentText = spent.description
        guard let earlier else {
            let began = resetsAt.flatMap { reset in length.map { reset - $0 } }
            start = began.map { min($0, now) } ?? now
            end = Self.end(resetsAt, now)
            countedText = ExactDecimal.zero.description
            return
        }
        let isNew = earlier.hasEnded(spent: spent, resetsAt: resetsAt, now: now)
        if isNew || now >= earlier.end {
            start = max(earlier.start + .milliseconds(1), isNew ? now : earlier.end)
            end = max(Self.end(resetsAt, now), start + .milliseconds(1))
            countedText = isNew ? ExactDecimal.zero.description : earlier.spentText
        } else {
            (start, end, countedText) = (earlier.start, earlier.end, earlier.countedText)
        }
    }

    /// The slice that the period's cost goes into.
    func slice(scope: String) -> SliceID { SliceID(scope: scope, period: Period(start: start, end: end)) }

    private func hasEnded(spent: ExactDecimal, resetsAt new: Timestamp?, now: Timestamp) -> Bool {
        let hasFallen = spent < self.spent
        guard let old = resetsAt, let new else { return hasFallen }
        let hasPassed = now + Self.tolerance >= old
        let hasMoved = new - old > Self.tolerance
        return hasFallen ? hasMoved || hasPassed : hasMoved && hasPassed
    }

    private static func end(_ resetsAt: Timestamp?, _ now: Timestamp) -> Timestamp {
        resetsAt.flatMap { $0 > now ? $0 : nil } ?? now + openLength
    }
}
