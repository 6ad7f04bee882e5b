import UsageModel

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
