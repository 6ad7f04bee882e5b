import UsageModel

/// How many requests are let in: a pure value that is told the time.
struct TokenBucket: Sendable {
    private let limit: WebConfiguration.RateLimit
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant

    /// A full bucket.
    init(_ limit: WebConfiguration.RateLimit, at now: ContinuousClock.Instant) {
        self.limit = limit
        tokens = Double(limit.burst)
        filledAt = now
    }

    /// Takes a token; false where there is none.
    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        if now > filledAt {
            tokens = min(Double(limit.burst), tokens + (now - filledAt) / limit.interval)
            filledAt = now
        }
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
