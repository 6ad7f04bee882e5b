import UsageModel

/// The budget period that a key is in, and the ledger's slice of it: a pure value that follows what the API shows.
///
/// The API shows `spent` of the present period alone, so a period is a slice whose cell is `spent`, and the counter is
/// the sum over periods. A new one begins where:
///
/// | `resets_at` | `spent` fell | it did not |
/// |---|---|---|
/// | moved on, and the old one has passed | new period | new period |
/// | moved on before the old one has passed | new period | the same, moved (a plan was extended) |
/// | the same, and not yet passed | the same: the provider corrected it | the same |
/// | the same, and passed; moved back; or missing, then or now | see below | the same |
///
/// Without a reset to go by, a fall to less than half begins a new period; one of more than a cent and more than 1 % does
/// if the next reading is still below; a smaller one is a correction. Another key under the same name (another
/// `created_at`, or another credential where that is not known) begins a new period in any case.
///
/// A slice needs an end, after which the ledger folds it. Where `resets_at` is missing or stale the slice ends after
/// a month, and the period goes on in another slice that holds only what was spent since.
struct BudgetTrack: Codable, Sendable, Equatable {
    /// Distinguishes a key from another one of the same name.
    struct Identity: Codable, Sendable, Equatable {
        /// When the provider says that the key was made.
        var createdAt: Timestamp?
        /// A keyed hash of its credential.
        var fingerprint: String?

        /// Whether two readings are of different keys. A key of the same age is the same one, whatever its credential.
        func differs(from other: Identity) -> Bool {
            if let createdAt, let earlier = other.createdAt { return createdAt != earlier }
            return hasOtherCredential(than: other)
        }

        func hasOtherCredential(than other: Identity) -> Bool {
            guard let fingerprint, let earlier = other.fingerprint else { return false }
            return fingerprint != earlier
        }
    }

    /// What the API shows of a key's budget at one time.
    struct Reading {
        /// USD spent in the present period.
        let spent: ExactDecimal
        let resetsAt: Timestamp?
        /// The period's length, where the API says it readably.
        let length: Duration?
        let identity: Identity
        let now: Timestamp
    }

    private enum Verdict {
        case same, waits, newPeriod
    }

    /// The slice's start: no two of a key are the same.
    let start: Timestamp
    /// The slice's end.
    let end: Timestamp
    /// When the period ends, as the API said last.
    private(set) var resetsAt: Timestamp?
    /// `spent` as read last, and the part of it that earlier slices of the same period hold; USD as decimal text.
    private var spentText: String
    private var countedText: String
    /// Whether `spent` was lower at the last reading, and the next one decides what that means.
    private var isInDoubt: Bool?
    private var identity: Identity?

    /// What the period cost so far.
    var spent: ExactDecimal { ExactDecimal(spentText) ?? .zero }

    /// What the slice holds of it.
    var cost: ExactDecimal { spent - (ExactDecimal(countedText) ?? .zero) }

    /// The credential that it was read with last; nil where that is not known.
    var fingerprint: String? { identity?.fingerprint }

    /// Differences in `resets_at` below this are the API's rounding, and its clock may be this far from ours.
    private static let tolerance = Duration.minutes(1)
    /// A slice without a known end gets this length.
    private static let openLength = Duration.days(31)
    private static let cent = ExactDecimal(micros: 10_000)

    /// Takes in what the API shows.
    ///
    /// - Parameters:
    ///   - earlier: the track so far; nil at the first reading of a key.
    ///   - isRenamed: whether the key had another name in the config then: its slice ends, and the new name's begins.
    init(after earlier: BudgetTrack?, _ reading: Reading, isRenamed: Bool = false) {
        let now = reading.now
        resetsAt = reading.resetsAt
        // What is not known now is still known from before.
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
        let verdict = earlier.verdict(on: reading)
        if verdict == .waits {
            // The cell stays: what was counted is taken back only where the next reading says so.
            spentText = earlier.spentText
            isInDoubt = true
        }
        let isNew = verdict == .newPeriod
        if isNew || isRenamed || now >= earlier.end {
            start = max(earlier.start + .milliseconds(1), isNew || isRenamed ? now : earlier.end)
            end = max(Self.end(reading.resetsAt, now), start + .milliseconds(1))
            countedText = isNew ? ExactDecimal.zero.description : earlier.spentText
        } else {
            (start, end, countedText) = (earlier.start, earlier.end, earlier.countedText)
        }
    }

    /// The slice that the period's cost goes into.
    func slice(scope: String) -> SliceID { SliceID(scope: scope, period: Period(start: start, end: end)) }

    private func verdict(on reading: Reading) -> Verdict {
        let known = identity ?? Identity()
        if reading.identity.differs(from: known) { return .newPeriod }
        let hasFallen = reading.spent < spent
        // The same key under another secret: whatever fell, fell with it.
        if hasFallen, reading.identity.hasOtherCredential(than: known) { return .newPeriod }
        guard let old = resetsAt, let new = reading.resetsAt else { return verdict(onFallTo: reading.spent) }
        let hasPassed = reading.now + Self.tolerance >= old
        let hasMoved = new - old > Self.tolerance
        if hasMoved { return hasFallen || hasPassed ? .newPeriod : .same }
        let hasMovedBack = old - new > Self.tolerance
        return hasPassed || hasMovedBack ? verdict(onFallTo: reading.spent) : .same
    }

    private func verdict(onFallTo lower: ExactDecimal) -> Verdict {
        guard lower < spent else { return .same }
        if lower + lower < spent { return .newPeriod }
        let fall = spent - lower
        guard fall > Self.cent, fall * 100 > spent else { return .same }
        return isInDoubt == true ? .newPeriod : .waits
    }

    private static func end(_ resetsAt: Timestamp?, _ now: Timestamp) -> Timestamp {
        resetsAt.flatMap { $0 > now ? $0 : nil } ?? now + openLength
    }
}

/// Reads a budget's `duration`, which the documentation leaves opaque: `30d`, `5h`, `1h30m`.
///
/// Units are `s m h d w`; a month (`1mo`) has no fixed length and so has none here. Nil for anything else.
func budgetDuration(_ text: String) -> Duration? {
    var seconds = 0
    var number: Int?
    for character in text.lowercased() where !character.isWhitespace {
        if let digit = character.wholeNumberValue, character.isASCII {
            let next = (number ?? 0) * 10 + digit
            // A century is no budget period, and what is longer need not fit a number.
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
