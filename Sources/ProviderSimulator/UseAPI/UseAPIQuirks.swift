import UsageModel

/// Ways in which the simulated useapi.net deviates from its documentation; none unless set.
public struct UseAPIQuirks: ErrorObjects, Sendable, Hashable {
    /// How far the list lags behind the count and the summary.
    public var listLag = Duration.zero
    /// Whether days are counted and not listed while they are open.
    public var hidesRowsOfOpenDay = false
    /// The most requests that are listed, the newest; nil for all.
    public var longestList: Int?
    /// Whether count and summary are of what is listed ("total records returned"), and not of the day.
    public var countsListOnly = false
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
        listLag = [Duration.zero, .minutes(5), .minutes(15)][random.below(3)]
        hidesRowsOfOpenDay = random.below(3) == 0
        errorPercentage = random.below(3) * 5
    }

    /// What is listed of the requests of a query, oldest first.
    ///
    /// - Parameter day: the day of the query; nil for one across all days.
    func listed(_ requests: [UseAPIRequest], of day: UTCDay?, now: Timestamp) -> [UseAPIRequest] {
        if hidesRowsOfOpenDay, day == now.day { return [] }
        let listed = listLag == .zero ? requests : requests.filter { $0.visibleFrom <= now - listLag }
        return longestList.map { Array(listed.suffix($0)) } ?? listed
    }
}
