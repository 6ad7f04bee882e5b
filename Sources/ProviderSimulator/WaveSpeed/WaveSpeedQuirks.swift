import UsageModel

/// Ways in which the simulated WaveSpeedAI deviates from its documentation; none unless set.
public struct WaveSpeedQuirks: ErrorObjects, Sendable, Hashable {
    /// How long a job runs: it is charged when it starts, and counted among the successes only after this time.
    public var runTime = Duration.zero
    /// Whether the dates of `daily_usage` are written as timestamps.
    public var writesTimestamps = false
    /// Whether models have no `total_count`.
    public var omitsModelCounts = false
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
        runTime = [Duration.zero, .minutes(3), .minutes(40)][random.below(3)]
        writesTimestamps = random.below(2) == 0
        omitsModelCounts = random.below(2) == 0
        errorPercentage = random.below(3) * 3
    }
}
