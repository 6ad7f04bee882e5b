import UsageModel

/// Ways in which the simulated FairStack deviates from its documentation; none unless set.
public struct FairStackQuirks: ErrorObjects, Sendable, Hashable {
    /// How far `GET /v1/usage/daily` lags behind `GET /v1/usage`.
    public var dailyLag = Duration.zero
    /// Whether `GET /v1/usage/daily` lists up to yesterday only.
    public var dailyOmitsToday = false
    /// How many of the oldest transactions are listed on top of the first page, as jobs are whose status changed late.
    public var oldTransactionsOnTop = 0
    /// Ids of keys that are unknown from a time on.
    public var unknownKeys: [String: Timestamp] = [:]
    /// The share of requests that get an error object with status 200, in percent.
    public var errorPercentage = 0
    /// Decides which requests those are.
    public var seed: UInt64 = 0

    /// No deviation.
    public init() {}

    /// A mix of deviations that follows from the seed.
    public init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: SplitMix64.mixed(seed))
        dailyLag = [Duration.zero, .minutes(10), .hours(3), .days(1)][random.below(4)]
        dailyOmitsToday = random.below(2) == 0
        oldTransactionsOnTop = random.below(6)
        errorPercentage = random.below(3) * 5
    }
}
