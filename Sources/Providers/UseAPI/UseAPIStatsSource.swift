import UsageModel
import Upstream

/// `GET /v2/account/stats` of one bot: its requests, one UTC day a slice.
struct UseAPIStatsSource: UsageSource {
    let bot: String
    let prices: [String: ExactDecimal]
    let api: any UpstreamAPI

    var name: String { Self.name(of: bot) }

    /// `stats/google-flow`: the endpoint's last word and the bot, since each bot is asked for apart.
    static func name(of bot: String) -> String { "stats/\(bot)" }

    /// "Data latency is at least 5 minutes": asking more often finds nothing new, and an answer is large.
    let minimumInterval = Duration.minutes(5)

    /// "Data is retained for 3 months": 89 days at the least (February), and one day less, so that no day is read
    /// while it is being deleted.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(88))

    /// A day comes whole: this is three times the 50,000 rows that `limit` may ask for.
    static let longestAnswer = 64 << 20

    func sync(_ visit: any SyncVisit) async throws {
        var unreadable: SourceFailure?
        for due in visit.dueSlices {
            do {
                try await read(due, visit)
            } catch let failure as SourceFailure where failure.reason == .decode {
                // One day that cannot be read keeps no other from being read.
                unreadable = unreadable ?? failure
            }
        }
        if let unreadable { throw unreadable }
    }

    /// Reads one day and commits it, so that an interrupted first start goes on from there.
    private func read(_ due: DueSlice, _ visit: any SyncVisit) async throws {
        let day = due.slice.period.start.day
        let asked = visit.now
        let isOpen = asked < due.slice.period.end
        let answer = try await api.send(
            UpstreamCall(
                .get, "/v2/account/stats", query: [("bot", bot), ("date", day.description)],
                longestAnswer: Self.longestAnswer))
        let usage = try UseAPIDay(answer, bot: bot, day: day)

        let memory = "prices/\(day)"
        let remembered = try await visit.memory(memory)
        let prices = UseAPIPrices(
            self.prices, remembered: remembered, isFirst: due.lastRead == nil, isOpen: isOpen, bot: bot)
        let earlier = due.lastRead == nil ? [] : try await visit.cells(of: due.slice)
        var reading = Reading()
        reading.slices = [
            SliceReading(
                due.slice,
                cells: try usage.cells(earlier: earlier, isClosed: !isOpen, price: prices.price(of:)), readAt: asked)
        ]
        // A settled day is never read again, so its prices can be forgotten.
        let kept = due.settles ? nil : prices.text
        if kept != remembered { reading.memory.updateValue(kept, forKey: memory) }
        try await visit.commit(reading)
        // While the day goes on, its list and its count may be of different moments.
        if !isOpen, let remark = UseAPICheck(usage).remark { visit.remark(remark) }
    }
}
