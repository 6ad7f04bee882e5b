import UsageModel

/// Reconstructs a counter from counts over rolling windows. A value type that receives the windows' counts.
///
/// Let C be the true running count. A window of length W that ends at t shows `C(t) − C(t−W)`. Each computed C(t) is
/// kept as a point; C(t−W) comes from the points around t−W:
///
/// | t−W lies | C(t−W) is at least | is at most | estimate |
/// |---|---|---|---|
/// | on a point | the point's | the point's | the point's |
/// | between two points | the earlier one's | the later one's | linear interpolation |
/// | after the last point | the last one's | – | the last one's plus the window's own rate until t−W |
/// | before the first point | – | the first one's | – |
///
/// Every window gives bounds, and the tightest are used: `low` is the highest lower bound, `high` the lowest upper
/// bound. The estimate comes from the longest window that starts within 2 s of a point, without clamping. After a month
/// each estimate then depends on one of a month before, so that the error of a response (cached, late) is carried
/// forward twelve times a year, not at each reading. If no window starts at a point, the estimate comes from the window
/// whose start is nearest to one (of equally near ones the shortest), clamped to the bounds.
///
/// Windows of readings at full hours start at points, also after a gap; the only error is then that of the responses.
/// Readings at shorter intervals than an hour carry forward the uncertainty of the first hour, which began before all
/// of them. Otherwise the error is at most the usage between two neighbouring points per month of age.
///
/// Usage that the provider posts late is counted once a longer window that starts at a point contains it. No window
/// covers a gap of more than 30 days: the usage in its older part is lost, not estimated.
struct RollingReconstruction: Sendable, Equatable {
    /// The bounds and the estimate of C at a time.
    struct Point: Sendable, Equatable {
        let time: Timestamp
        /// Lower bound of C.
        let low: Int
        /// Best estimate of C.
        let value: Int
        /// Upper bound of C, unless the provider posts usage late.
        let high: Int
    }

    /// Points in ascending order of time, at most 31 days.
    private(set) var points: [Point] = []
    /// The counter: the highest estimate so far, because a counter never falls.
    private(set) var count = 0

    /// The largest accepted count; sums of two such counts do not overflow.
    static let largest = 1_000_000_000_000_000_000
    /// The minimum distance of points older than a day. The longer windows move by more than that between syncs.
    private static let spacing = Duration.minutes(50)
    /// The distance from a point within which a window counts as starting at it.
    private static let alignment = Duration.seconds(2)
    /// The minimum distance from the edges of a gap at which the start of a window becomes a point.
    private static let nearness = Duration.minutes(10)

    /// Records the windows' counts at a time. Invalid counts (negative, or above 10¹⁸) are ignored.
    ///
    /// - Parameter start: the lower limit for the start of counting. At the first observation, counting starts with the
    ///   longest window that begins no earlier.
    mutating func observe(_ windows: [RollingWindow: Int], at now: Timestamp, from start: Timestamp) {
        let counts = windows.filter { (0...Self.largest).contains($0.value) }
        guard !counts.isEmpty else { return }
        // Points in the future come from a clock that was set back since; they are invalid.
        points.removeAll { $0.time >= now }
        if points.isEmpty {
            begin(counts, at: now, from: start)
        } else {
            proceed(counts, at: now)
        }
        count = max(count, points.last?.value ?? 0)
        thin(now)
    }

    private mutating func begin(_ counts: [RollingWindow: Int], at now: Timestamp, from start: Timestamp) {
        // A count without points results from a clock change; counting continues from it.
        let fitting = counts.filter { now - $0.key.span >= start }
        guard count == 0, let base = fitting.max(by: { $0.key.span < $1.key.span }) else {
            points = [Point(time: now, exactly: count)]
            return
        }
        // C is also known at the starts of the shorter windows.
        for (window, shown) in counts.sorted(by: { $0.key.span > $1.key.span }) where window.span <= base.key.span {
            let known = max(points.last?.value ?? 0, base.value - shown)
            points.append(Point(time: now - window.span, exactly: known))
        }
        points.append(Point(time: now, exactly: max(base.value, points.last?.value ?? 0)))
    }

    private mutating func proceed(_ counts: [RollingWindow: Int], at now: Timestamp) {
        guard let last = points.last else { return }
        let evidence = counts.map { Evidence(window: $0.key, shown: $0.value, at: now, points: points) }
        let low = evidence.compactMap(\.low).reduce(last.low, max)
        guard let bound = evidence.compactMap(\.high).min() else {
            points.append(Point(time: now, exactly: low))
            return
        }
        let high = max(low, bound)
        let found: Point
        let aligned = evidence.filter { $0.estimate != nil && $0.distance <= Self.alignment }
        if let value = aligned.max(by: { $0.window.span < $1.window.span })?.estimate {
            // Contradicting bounds come from cached or late responses; they must not accumulate.
            found = Point(time: now, low: min(low, value), value: value, high: max(high, value))
        } else {
            let best = evidence.filter { $0.estimate != nil }
                .min { ($0.distance, $0.window.span) < ($1.distance, $1.window.span) }
            let value = min(max(best?.estimate ?? low, low), high)
            found = Point(time: now, low: low, value: value, high: high)
        }
        for (window, shown) in counts.sorted(by: { $0.key.span > $1.key.span }) {
            let begin = now - window.span
            guard let before = points.last, begin - before.time >= Self.nearness else { continue }
            points.append(Point(time: begin, found, less: shown, after: before))
        }
        points.append(found)
    }

    /// Drops points from before the 30-day window, except the last one, and thins out points older than a day.
    private mutating func thin(_ now: Timestamp) {
        let oldest = now - RollingWindow.lastMonth.span
        let first = points.lastIndex { $0.time <= oldest } ?? 0
        let recent = now - RollingWindow.lastDay.span - .hours(1)
        var kept: [Point] = []
        for point in points[first...] {
            if let last = kept.last, point.time < recent, point.time - last.time < Self.spacing { continue }
            kept.append(point)
        }
        points = kept
    }
}

extension RollingReconstruction.Point {
    /// Creates a point with a known C.
    init(time: Timestamp, exactly count: Int) {
        self.init(time: time, low: count, value: count, high: count)
    }

    /// Creates a point at the start of a window that ends at another point; C is not below that of the previous point.
    init(time: Timestamp, _ end: Self, less shown: Int, after before: Self) {
        let low = max(before.low, end.low - shown)
        let value = max(before.value, low, end.value - shown)
        self.init(time: time, low: low, value: value, high: max(value, end.high - shown))
    }
}

/// The bounds and the estimate of C at the end of one window.
private struct Evidence {
    let window: RollingWindow
    private(set) var low: Int?
    private(set) var high: Int?
    private(set) var estimate: Int?
    /// The distance from the window's start to the nearest point.
    private(set) var distance = Duration.zero

    init(window: RollingWindow, shown: Int, at now: Timestamp, points: [RollingReconstruction.Point]) {
        self.window = window
        let begin = now - window.span
        let after = points.firstIndex { $0.time >= begin }
        let earlier = after.map { points[$0].time == begin ? $0 : $0 - 1 } ?? points.count - 1
        let before = points.indices.contains(earlier) ? points[earlier] : nil
        let next = after.map { points[$0] }
        low = before.map { Self.sum($0.low, shown) }
        high = next.map { Self.sum($0.high, shown) }
        guard let before else { return }
        let passed = begin - before.time
        if let next, next.time > before.time {
            let share = passed / (next.time - before.time)
            estimate = Self.sum(before.value, Self.part(share, of: next.value - before.value), shown)
            distance = min(passed, next.time - begin)
        } else {
            estimate = Self.sum(before.value, Self.part(passed / window.span, of: shown), shown)
            distance = passed
        }
    }

    private static func part(_ share: Double, of whole: Int) -> Int {
        guard whole > 0, share > 0 else { return 0 }
        return Int(saturating: min(share * Double(whole), Double(RollingReconstruction.largest)))
    }

    private static func sum(_ numbers: Int...) -> Int {
        numbers.reduce(0) { min($0 + $1, RollingReconstruction.largest) }
    }
}

extension RollingReconstruction: Codable {
    /// Decodes the counter, then four numbers per point, each a difference from the previous ones.
    init(from decoder: any Decoder) throws {
        var numbers = try decoder.unkeyedContainer()
        count = try numbers.decode(Int.self)
        var time: Int64 = 0
        var low = 0
        while !numbers.isAtEnd {
            // Wrapping arithmetic, because damaged storage must not trap.
            time &+= try numbers.decode(Int64.self)
            low &+= try numbers.decode(Int.self)
            let value = low &+ (try numbers.decode(Int.self))
            let high = value &+ (try numbers.decode(Int.self))
            points.append(Point(time: Timestamp(milliseconds: time), low: low, value: value, high: high))
        }
    }

    /// Encodes differences, which are short: a month of hourly points takes about 15 kB.
    func encode(to encoder: any Encoder) throws {
        var numbers = encoder.unkeyedContainer()
        try numbers.encode(count)
        var time: Int64 = 0
        var low = 0
        for point in points {
            try numbers.encode(point.time.milliseconds - time)
            try numbers.encode(point.low - low)
            try numbers.encode(point.value - point.low)
            try numbers.encode(point.high - point.value)
            (time, low) = (point.time.milliseconds, point.low)
        }
    }
}

/// The counters of one key, reconstructed from its rolling windows.
struct KeyCounters: Codable, Equatable {
    private(set) var requests = RollingReconstruction()
    private(set) var input = RollingReconstruction()
    private(set) var output = RollingReconstruction()
    /// Tokens of the total that are neither prompt nor completion tokens.
    private(set) var untyped = RollingReconstruction()

    /// Records a response.
    ///
    /// - Parameter start: the start of the ledger; for a key that was created later, all usage counts.
    mutating func observe(_ usage: RollingUsage, at now: Timestamp, from start: Timestamp) {
        requests.observe(usage.requests, at: now, from: start)
        input.observe(usage.input, at: now, from: start)
        output.observe(usage.output, at: now, from: start)
        untyped.observe(usage.untyped, at: now, from: start)
    }

    /// Returns the cells of the slice: running totals since the ledger's start. Quantities never reported have no cell.
    func cells(key: String) -> [Cell] {
        var cells: [Cell] = []
        if !requests.points.isEmpty { cells.append(Cell(.requests, [key, ""], ExactDecimal(requests.count))) }
        for (type, tokens) in [("input", input), ("output", output)] where !tokens.points.isEmpty {
            cells.append(Cell(.tokens, [key, "", type], ExactDecimal(tokens.count)))
        }
        if untyped.count > 0 { cells.append(Cell(.tokens, [key, "", ""], ExactDecimal(untyped.count))) }
        return cells
    }
}

/// The counts of one key's rolling windows in a response, by quantity. A missing quantity has no entries.
struct RollingUsage: Equatable {
    private(set) var requests: [RollingWindow: Int] = [:]
    private(set) var input: [RollingWindow: Int] = [:]
    private(set) var output: [RollingWindow: Int] = [:]
    /// The part of the provider's total beyond its parts; 0 if the parts exceed it.
    private(set) var untyped: [RollingWindow: Int] = [:]

    init(_ usage: CheapestInferenceAccountKey.Usage?) {
        let shown: [(RollingWindow, CheapestInferenceAccountKey.Counts?)] = [
            (.lastHour, usage?.last1h), (.lastDay, usage?.last24h), (.lastWeek, usage?.last7d),
            (.lastMonth, usage?.last30d),
        ]
        for (window, counts) in shown {
            requests[window] = Self.plausible(counts?.requests?.value)
            input[window] = Self.plausible(counts?.promptTokens?.value)
            output[window] = Self.plausible(counts?.completionTokens?.value)
            untyped[window] = Self.plausible(counts?.tokens?.value).map {
                max(0, $0 - (input[window] ?? 0) - (output[window] ?? 0))
            }
        }
    }

    /// Returns nil for negative counts and for those too large to add.
    private static func plausible(_ count: Int?) -> Int? {
        count.flatMap { (0...RollingReconstruction.largest).contains($0) ? $0 : nil }
    }

    /// Adds gauges with the windows' counts as the provider reports them.
    func addGauges(of key: String, to gauges: inout KeyGauges) {
        for window in RollingWindow.allCases {
            let name = window.rawValue
            gauges.add(.windowRequests, [key, "", name], requests[window].map(Double.init))
            gauges.add(.windowTokens, [key, "", "input", name], input[window].map(Double.init))
            gauges.add(.windowTokens, [key, "", "output", name], output[window].map(Double.init))
            let rest = untyped[window].flatMap { $0 > 0 ? $0 : nil }
            gauges.add(.windowTokens, [key, "", "", name], rest.map(Double.init))
        }
    }
}
