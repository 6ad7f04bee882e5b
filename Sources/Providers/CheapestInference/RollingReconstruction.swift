import UsageModel

/// A counter put together from counts over rolling windows: a pure value that is told what the windows show.
///
/// With C the true running count, a window of length W that ends at t shows `C(t) − C(t−W)`. Each C(t) found so is kept
/// as a point; C(t−W) comes from the points around t−W:
///
/// | t−W lies | C(t−W) is at least | is at most | is taken to be |
/// |---|---|---|---|
/// | on a point | the point's | the point's | the point's |
/// | between two points | the earlier one's | the later one's | on the line between them |
/// | after the last point | the last one's | – | the last one's plus the window's own rate until t−W |
/// | before the first point | – | the first one's | – |
///
/// Every window gives bounds, and the tightest of them hold: `low` is the highest lower bound, `high` the lowest upper
/// one. The estimate is that of the longest window that begins within 2 s of a point, taken as it is: after a month
/// each estimate goes back to one of a month before, so that an error of a response (cached, late) is carried on twelve
/// times a year and not at each reading. Where no window begins at a point the estimate is that of the window whose
/// beginning lies nearest to one (of equally near ones the shortest), kept within the bounds.
///
/// Readings at full hours meet points, also after a gap: the error is then what the responses themselves are off by.
/// Readings closer than an hour carry on what is not known of the first hour, which began before all of them. Otherwise
/// the error is at most the usage between two neighbouring points per month of age.
///
/// Usage that the provider posts late is counted once a longer window that meets a point shows it. No window reaches over
/// a gap of more than 30 days: what was used in its older part is lost, not guessed.
struct RollingReconstruction: Sendable, Equatable {
    /// What is known of C at a moment.
    struct Point: Sendable, Equatable {
        let time: Timestamp
        /// C is at least this.
        let low: Int
        /// The best estimate of C.
        let value: Int
        /// C is at most this, unless the provider posts usage late.
        let high: Int
    }

    /// In order of time, at most 31 days' worth.
    private(set) var points: [Point] = []
    /// The counter: the highest estimate so far, so that it never falls.
    private(set) var count = 0

    /// No account has more; sums of two still fit.
    static let largest = 1_000_000_000_000_000_000
    /// Points older than a day are kept no closer than this: the longer windows move by more than that between syncs.
    private static let spacing = Duration.minutes(50)
    /// A window that begins this close to a point begins at it.
    private static let alignment = Duration.seconds(2)
    /// A window's beginning inside a gap becomes a point, unless it lies this close to the gap's edge.
    private static let nearness = Duration.minutes(10)

    /// Takes in what the windows showed at a moment; an absurd count (negative, or past 10¹⁸) is no count.
    ///
    /// - Parameter start: at the first observation the longest window that begins no earlier is where counting begins.
    mutating func observe(_ windows: [RollingWindow: Int], at now: Timestamp, from start: Timestamp) {
        let counts = windows.filter { (0...Self.largest).contains($0.value) }
        guard !counts.isEmpty else { return }
        // Points of a clock that has been set back since are of no moment that is known.
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
        // With a count already, this is the clock's doing: it goes on from there.
        let fitting = counts.filter { now - $0.key.span >= start }
        guard count == 0, let base = fitting.max(by: { $0.key.span < $1.key.span }) else {
            points = [Point(time: now, exactly: count)]
            return
        }
        // Where the shorter windows begin, C is known as well.
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
            // Bounds that contradict it come from responses that were cached or late: they must not add up.
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

    /// Keeps what windows can still begin at: the 30-day window's beginning and the point before it.
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
    /// A moment at which C is known.
    init(time: Timestamp, exactly count: Int) {
        self.init(time: time, low: count, value: count, high: count)
    }

    /// The beginning of a window that ends at a point, no lower than what was known before.
    init(time: Timestamp, _ end: Self, less shown: Int, after before: Self) {
        let low = max(before.low, end.low - shown)
        let value = max(before.value, low, end.value - shown)
        self.init(time: time, low: low, value: value, high: max(value, end.high - shown))
    }
}

/// What one window says of C at its end.
private struct Evidence {
    let window: RollingWindow
    private(set) var low: Int?
    private(set) var high: Int?
    private(set) var estimate: Int?
    /// How far the window's beginning is from the nearest point.
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
    /// Reads the counter, then four numbers a point: each the difference from what is known by then.
    init(from decoder: any Decoder) throws {
        var numbers = try decoder.unkeyedContainer()
        count = try numbers.decode(Int.self)
        var time: Int64 = 0
        var low = 0
        while !numbers.isAtEnd {
            // Wrapping: damaged storage is no reason to trap.
            time &+= try numbers.decode(Int64.self)
            low &+= try numbers.decode(Int.self)
            let value = low &+ (try numbers.decode(Int.self))
            let high = value &+ (try numbers.decode(Int.self))
            points.append(Point(time: Timestamp(milliseconds: time), low: low, value: value, high: high))
        }
    }

    /// Writes a month of hours in about 15 kB: differences are short.
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

/// The counters of one key, put together from its rolling windows.
struct KeyCounters: Codable, Equatable {
    private(set) var requests = RollingReconstruction()
    private(set) var input = RollingReconstruction()
    private(set) var output = RollingReconstruction()
    /// Tokens of the total that are neither prompt nor completion.
    private(set) var untyped = RollingReconstruction()

    /// Takes in an answer.
    ///
    /// - Parameter start: where the ledger begins; for a key made since then everything counts.
    mutating func observe(_ usage: RollingUsage, at now: Timestamp, from start: Timestamp) {
        requests.observe(usage.requests, at: now, from: start)
        input.observe(usage.input, at: now, from: start)
        output.observe(usage.output, at: now, from: start)
        untyped.observe(usage.untyped, at: now, from: start)
    }

    /// What the key's slice holds: running totals since the ledger's start. What was never shown has no cell.
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

/// What an answer shows of one key's rolling windows, by quantity; a quantity that it leaves out is in none of them.
struct RollingUsage: Equatable {
    private(set) var requests: [RollingWindow: Int] = [:]
    private(set) var input: [RollingWindow: Int] = [:]
    private(set) var output: [RollingWindow: Int] = [:]
    /// The provider's total beyond its parts (law 2); where the parts exceed it there is nothing to take away.
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

    /// A negative count is none, and neither is one past what sums can hold.
    private static func plausible(_ count: Int?) -> Int? {
        count.flatMap { (0...RollingReconstruction.largest).contains($0) ? $0 : nil }
    }

    /// The windows as the provider shows them.
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
