import UsageModel

/// Decides whether a failed attempt is made again, and when: a pure value, without clock, randomness or network.
///
/// The wait is drawn evenly from 0 to the backoff ("full jitter"), so that clients that failed together do not come
/// back together. The backoff doubles with each retry up to the cap; by default:
///
/// | retry | 1st | 2nd | 3rd | 4th | 5th | 6th | 7th and later |
/// |---|---|---|---|---|---|---|---|
/// | backoff | 0.5 s | 1 s | 2 s | 4 s | 8 s | 16 s | 30 s |
/// | mean wait | 0.25 s | 0.5 s | 1 s | 2 s | 4 s | 8 s | 15 s |
///
/// `Retry-After` is a minimum: the wait is the longer of the two. Where it asks for more than 10 seconds the call ends
/// at once: the sync schedule shows the wait, and keeps it over a restart.
///
/// | outcome | again? |
/// |---|---|
/// | no answer: connection refused or broken, DNS, time-out | yes |
/// | 408, 429, 500, 502, 503, 504 | yes, not before `Retry-After` |
/// | any other status | no |
/// | an answer of no use (HTML, too large, a redirect elsewhere), a certificate that is not trusted | no |
package struct RetryPolicy: Sendable, Hashable {
    /// How often a call is sent again at most.
    package let maximumRetries: Int
    /// The first retry's backoff.
    package let base: Duration
    /// The longest backoff.
    package let cap: Duration
    /// The longest `Retry-After` that a call waits for itself.
    package let longestRetryAfter: Duration
    /// The longest that all waits of one call may take together.
    package let waitBudget: Duration

    /// A policy.
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

    /// How an attempt failed.
    package enum Outcome: Sendable, Hashable {
        /// No whole answer arrived, and another attempt may fare better.
        case noAnswer
        /// An answer with a status that is not 2xx.
        case status(Int, retryAfter: RetryAfter?)
        /// Another attempt would end the same way.
        case conclusive
    }

    /// What to do after a failed attempt.
    package enum Decision: Sendable, Hashable {
        /// Send the call again after this long.
        case retry(after: Duration)
        /// Report the failure.
        case giveUp
    }

    /// Decides.
    ///
    /// - Parameters:
    ///   - retries: how often the call was sent again already.
    ///   - outcome: how the last attempt failed.
    ///   - waited: how long the call has waited between its attempts so far.
    ///   - now: the present moment, against which a `Retry-After` date is held.
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
            let asked = retryAfter?.wait(from: now) ?? .zero
            guard asked <= longestRetryAfter else { return .giveUp }
            wait = max(wait, asked)
        }
        return waited + wait <= waitBudget ? .retry(after: wait) : .giveUp
    }

    /// The statuses that may pass.
    static let retriedStatuses: Set<Int> = [408, 429, 500, 502, 503, 504]

    /// The longest wait before the retry after so many retries: min(cap, base × 2^retries).
    func backoff(retries: Int) -> Duration {
        // Past 2³⁰ every base is above every cap, and the product must not overflow.
        min(cap, base * (1 << max(0, min(retries, 30))))
    }
}

/// How long an API asks to wait: the `Retry-After` header field, in both of its forms (RFC 9110 section 10.2.3).
package enum RetryAfter: Sendable, Hashable {
    /// So long after the answer.
    case delay(Duration)
    /// Until this moment.
    case date(Timestamp)

    /// Waits beyond this are as good as this one: one year.
    static let longest = Duration.days(365)

    /// Reads the header field: whole seconds or an HTTP date; nil where it is neither (negative numbers, fractions,
    /// words), and the answer then counts as having said nothing.
    package init?(_ text: String, now: Timestamp) {
        let trimmed = String(text.trimmingWhitespace())
        if !trimmed.isEmpty, trimmed.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // Digits that Int cannot hold are a very long wait all the same.
            let seconds = Int(trimmed).map { Duration.seconds(min($0, 365 * 86_400)) }
            self = .delay(seconds ?? Self.longest)
        } else if let date = HTTPDate.parse(trimmed, now: now) {
            self = .date(date)
        } else {
            return nil
        }
    }

    /// How long to wait from this moment: at least nothing, at most one year.
    package func wait(from now: Timestamp) -> Duration {
        switch self {
        case .delay(let duration): max(.zero, min(duration, Self.longest))
        case .date(let date): max(.zero, min(date - now, Self.longest))
        }
    }
}
