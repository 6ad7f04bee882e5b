import UsageModel

/// Decides whether and when a failed attempt is retried: a pure value, without clock, randomness or network.
///
/// The wait is uniform between 0 and the backoff ("full jitter"), so that clients that failed together do not retry
/// together. The backoff doubles with each retry up to the cap; by default:
///
/// | retry | 1st | 2nd | 3rd | 4th | 5th | 6th | 7th and later |
/// |---|---|---|---|---|---|---|---|
/// | backoff | 0.5 s | 1 s | 2 s | 4 s | 8 s | 16 s | 30 s |
/// | mean wait | 0.25 s | 0.5 s | 1 s | 2 s | 4 s | 8 s | 15 s |
///
/// `Retry-After` is a minimum: the wait is the longer of the two. If it exceeds 10 seconds, the call fails at once and
/// the sync schedule waits instead, which also survives a restart.
///
/// | outcome | retried? |
/// |---|---|
/// | no response: connection refused or closed, DNS, timeout | yes |
/// | 408, 429, 500, 502, 503, 504 | yes, not before `Retry-After` |
/// | any other status | no |
/// | an unusable response (HTML, too large, a redirect to another origin), an untrusted certificate | no |
package struct RetryPolicy: Sendable, Hashable {
    /// The maximum number of retries of a call.
    package let maximumRetries: Int
    /// The first retry's backoff.
    package let base: Duration
    /// The longest backoff.
    package let cap: Duration
    /// The longest `Retry-After` that a call waits for itself.
    package let longestRetryAfter: Duration
    /// The limit for the sum of a call's waits.
    package let waitBudget: Duration

    package init(
        maximumRetries: Int = 4, base: Duration = .milliseconds(500), cap: Duration = .seconds(30),
        longestRetryAfter: Duration = .seconds(10), waitBudget: Duration = .minutes(2)
    ) {
        self.maximumRetries = maximumRetries
        self.base = base
        self.cap = cap
        self.longestRetryAfter = longestRetryAfter
        self.waitBudget = waitBudget
    }

    /// The outcome of a failed attempt.
    package enum Outcome: Sendable, Hashable {
        /// No complete response; a retry may succeed.
        case noAnswer
        /// A response with a status other than 2xx.
        case status(Int, retryAfter: RetryAfter?)
        /// A retry would fail in the same way.
        case conclusive
    }

    /// The action after a failed attempt.
    package enum Decision: Sendable, Hashable {
        case retry(after: Duration)
        case giveUp
    }

    /// Decides whether to retry.
    ///
    /// - Parameters:
    ///   - retries: the number of retries so far.
    ///   - outcome: the outcome of the last attempt.
    ///   - waited: the sum of the call's waits so far.
    ///   - now: the current time, for a `Retry-After` date.
    ///   - randomUnit: a number from 0 (inclusive) to 1 (exclusive).
    package func decision(
        retries: Int, outcome: Outcome, waited: Duration, now: Timestamp, randomUnit: Double
    ) -> Decision {
        guard retries < maximumRetries else { return .giveUp }
        var wait = backoff(retries: retries) * randomUnit
        switch outcome {
        case .conclusive:
            return .giveUp
        case .noAnswer:
            break
        case .status(let status, let retryAfter):
            guard Self.retriedStatuses.contains(status) else { return .giveUp }
            let minimum = retryAfter?.wait(from: now) ?? .zero
            guard minimum <= longestRetryAfter else { return .giveUp }
            wait = max(wait, minimum)
        }
        return waited + wait <= waitBudget ? .retry(after: wait) : .giveUp
    }

    /// The statuses that may be transient.
    static let retriedStatuses: Set<Int> = [408, 429, 500, 502, 503, 504]

    /// Returns the longest wait after the given number of retries: min(cap, base × 2^retries).
    func backoff(retries: Int) -> Duration {
        // Past 2³⁰ every base exceeds every cap, and the product must not overflow.
        min(cap, base * (1 << max(0, min(retries, 30))))
    }
}

/// The `Retry-After` header field, in both forms (RFC 9110 section 10.2.3).
package enum RetryAfter: Sendable, Hashable {
    /// A delay after the response.
    case delay(Duration)
    /// A date.
    case date(Timestamp)

    /// The limit to which longer waits are reduced: one year.
    static let longest = Duration.days(365)

    /// Parses whole seconds or an HTTP date; nil for other values (negative numbers, fractions, words), which are ignored.
    package init?(_ text: String, now: Timestamp) {
        let trimmed = String(text.trimmingWhitespace())
        if !trimmed.isEmpty, trimmed.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // Digits that overflow Int are a very long wait too.
            let seconds = Int(trimmed).map { Duration.seconds(min($0, 365 * 86_400)) }
            self = .delay(seconds ?? Self.longest)
        } else if let date = HTTPDate.parse(trimmed, now: now) {
            self = .date(date)
        } else {
            return nil
        }
    }

    /// Returns the wait from `now`: at least zero, at most one year.
    package func wait(from now: Timestamp) -> Duration {
        switch self {
        case .delay(let duration): max(.zero, min(duration, Self.longest))
        case .date(let date): max(.zero, min(date - now, Self.longest))
        }
    }
}
