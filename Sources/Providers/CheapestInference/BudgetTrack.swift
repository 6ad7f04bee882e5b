import UsageModel

/// The current budget period of a key, and the ledger's slice of it. A value type that follows the API's responses.
///
/// The API reports `spent` only for the current period, so each period is a slice whose cell is `spent`, and the
/// counter is the sum over periods. A new period starts in these cases:
///
/// | `resets_at` | `spent` fell | `spent` did not fall |
/// |---|---|---|
/// | moved forward, and the old one has passed | new period | new period |
/// | moved forward before the old one has passed | new period | same period, moved (a plan was extended) |
/// | the same, and not yet passed | same period: the provider corrected it | same period |
/// | the same, and passed; moved back; or missing, then or now | see below | same period |
///
/// Without a usable reset time, a fall to less than half starts a new period. A fall of more than a cent and more than
/// 1 % does so if the next reading is still below. A smaller fall is a correction. Another key with the same name
/// (another `created_at`, or another credential if that is unknown) always starts a new period.
///
/// A slice needs an end, after which the ledger folds it. If `resets_at` is missing or stale, the slice ends after a
/// month, and the period continues in another slice that holds only what was spent since then.
struct BudgetTrack: Codable, Sendable, Equatable {
    /// Distinguishes a key from another one of the same name.
    struct Identity: Codable, Sendable, Equatable {
        /// The creation time of the key according to the provider.
        var createdAt: Timestamp?
        /// A keyed hash of its credential.
        var fingerprint: String?

        /// Whether two readings belong to different keys. The same creation time means the same key, whatever the
        /// credential.
        func differs(from other: Identity) -> Bool {
            if let createdAt, let earlier = other.createdAt { return createdAt != earlier }
            return hasOtherCredential(than: other)
        }

        func hasOtherCredential(than other: Identity) -> Bool {
            guard let fingerprint, let earlier = other.fingerprint else { return false }
            return fingerprint != earlier
        }
    }

    /// The budget of a key in one response.
    struct Reading {
        /// USD spent in the current period.
        let spent: ExactDecimal
        let resetsAt: Timestamp?
        /// The period's length; nil if the API does not send a valid one.
        let length: Duration?
        let identity: Identity
        let now: Timestamp
    }

    private enum Decision {
        case same, undecided, newPeriod
    }

    /// The slice's start, unique among the slices of a key.
    let start: Timestamp
    /// The slice's end.
    let end: Timestamp
    /// The end of the period in the last response.
    private(set) var resetsAt: Timestamp?
    /// The last read `spent`, and the part of it that earlier slices of the same period hold; USD as decimal text.
    private var spentText: String
    private var countedText: String
    /// Whether `spent` fell at the last reading, so that the next reading decides about a new period.
    private var isInDoubt: Bool?
    private var identity: Identity?

    /// The cost of the period so far.
    var spent: ExactDecimal { ExactDecimal(spentText) ?? .zero }

    /// The part of the cost that belongs to the slice.
    var cost: ExactDecimal { spent - (ExactDecimal(countedText) ?? .zero) }

    /// The fingerprint of the credential of the last reading; nil if unknown.
    var fingerprint: String? { identity?.fingerprint }

    /// The tolerance for the API's rounding of `resets_at`, and for the difference between its clock and the local one.
    private static let tolerance = Duration.minutes(1)
    /// The length of a slice without a known end.
    private static let openLength = Duration.days(31)
    private static let cent = ExactDecimal(micros: 10_000)

    /// Continues a track with a response.
    ///
    /// - Parameters:
    ///   - earlier: the track so far; nil at the first reading of a key.
    ///   - isRenamed: whether the key had another name in the config; its slice then ends, and a new one starts.
    init(after earlier: BudgetTrack?, _ reading: Reading, isRenamed: Bool = false) {
        let now = reading.now
        resetsAt = reading.resetsAt
        // Fields that are missing now keep their earlier values.
        identity = Identity(
            createdAt: reading.identity.createdAt ?? earlier?.identity?.createdAt,
            fingerprint: reading.identity.fingerprint ?? earlier?.identity?.fingerprint)
        spentText = reading.spent.description
        guard let earlier else {
            let began = reading.resetsAt.flatMap { reset in reading.length.map { reset - $0 } }
            start = began.map { min($0, now) } ?? now
            end = Self.end(reading.resetsAt, now)
            countedText = ExactDecimal.zero.description
            return
        }
        let decision = earlier.decision(on: reading)
        if decision == .undecided {
            // The cell stays, because only the next reading decides whether counted cost is corrected.
            spentText = earlier.spentText
            isInDoubt = true
        }
        let isNew = decision == .newPeriod
        if isNew || isRenamed || now >= earlier.end {
            start = max(earlier.start + .milliseconds(1), isNew || isRenamed ? now : earlier.end)
            end = max(Self.end(reading.resetsAt, now), start + .milliseconds(1))
            countedText = isNew ? ExactDecimal.zero.description : earlier.spentText
        } else {
            (start, end, countedText) = (earlier.start, earlier.end, earlier.countedText)
        }
    }

    /// Returns the slice that holds the period's cost.
    func slice(scope: String) -> SliceID { SliceID(scope: scope, period: Period(start: start, end: end)) }

    private func decision(on reading: Reading) -> Decision {
        let known = identity ?? Identity()
        if reading.identity.differs(from: known) { return .newPeriod }
        let hasFallen = reading.spent < spent
        // The same key with another secret: a fall of `spent` is due to the replacement.
        if hasFallen, reading.identity.hasOtherCredential(than: known) { return .newPeriod }
        guard let old = resetsAt, let new = reading.resetsAt else { return decision(onFallTo: reading.spent) }
        let hasPassed = reading.now + Self.tolerance >= old
        let hasMoved = new - old > Self.tolerance
        if hasMoved { return hasFallen || hasPassed ? .newPeriod : .same }
        let hasMovedBack = old - new > Self.tolerance
        return hasPassed || hasMovedBack ? decision(onFallTo: reading.spent) : .same
    }

    private func decision(onFallTo lower: ExactDecimal) -> Decision {
        guard lower < spent else { return .same }
        if lower + lower < spent { return .newPeriod }
        let fall = spent - lower
        guard fall > Self.cent, fall * 100 > spent else { return .same }
        return isInDoubt == true ? .newPeriod : .undecided
    }

    private static func end(_ resetsAt: Timestamp?, _ now: Timestamp) -> Timestamp {
        resetsAt.flatMap { $0 > now ? $0 : nil } ?? now + openLength
    }
}

/// Parses a budget's `duration`, whose format is not documented: `30d`, `5h`, `1h30m`.
///
/// Units are `s m h d w`. A month (`1mo`) is rejected because it has no fixed length. Nil for any other text.
func budgetDuration(_ text: String) -> Duration? {
    var seconds = 0
    var number: Int?
    for character in text.lowercased() where !character.isWhitespace {
        if let digit = character.wholeNumberValue, character.isASCII {
            let next = (number ?? 0) * 10 + digit
            // Periods longer than a century are rejected, because they are implausible and could overflow.
            guard next <= 10_000_000_000 else { return nil }
            number = next
            continue
        }
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let count = number, let unit = units[character], count <= 3_200_000_000 / unit else { return nil }
        seconds += count * unit
        number = nil
    }
    return seconds > 0 && seconds <= 3_200_000_000 && number == nil ? .seconds(seconds) : nil
}
