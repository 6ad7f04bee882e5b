import UsageModel

/// Ways in which the simulated CheapestInference deviates from its documentation; none unless set.
public struct CheapestInferenceQuirks: ErrorObjects, Sendable, Hashable {
    /// The most, in millionths of a dollar, that `spent` may be behind what an earlier response said.
    public var largestDip = 0
    /// The share of responses whose `spent` is behind, in percent.
    public var dipPercentage = 0
    /// Whether `budget.resets_at` is null.
    public var omitsResets = false
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
        largestDip = [1, 9_999][random.below(2)]
        dipPercentage = random.below(3) * 20
        omitsResets = random.below(2) == 0
        errorPercentage = random.below(3) * 5
    }

    /// How much less than is true `spent` says, in USD.
    func dip(at request: APIRequest) -> ExactDecimal {
        guard largestDip > 0, request.isDrawn(percentage: dipPercentage, seed: seed &+ 1) else { return .zero }
        var random = SplitMix64(seed: UInt64(bitPattern: request.time.milliseconds))
        return ExactDecimal(micros: 1 + random.below(largestDip))
    }
}
