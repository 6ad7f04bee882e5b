import UsageModel
import Upstream

/// `GET /v2/account/stats` of one bot: its requests, one UTC day a slice.
struct UseAPIStatsSource: UsageSource {
    let bot: String
    let prices: [String: ExactDecimal]
    let api: any UpstreamAPI

    var name: String { Self.name(of: bot) }

    /// `stats/google-flow`: the endpoint's last word and the bot, since each bot is queried separately.
    static func name(of bot: String) -> String { "stats/\(bot)" }

    /// "Data latency is at least 5 minutes": a query more often finds nothing new, and a response is large.
    let minimumInterval = Duration.minutes(5)

    /// "Data is retained for 3 months": 89 days at the least (February), and one day less, so that no day is read
    /// while it is being deleted.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(88))

    /// The cost is estimated where there are prices.
    var reportsCost: Bool { !prices.isEmpty }

    /// "Data latency … should not exceed 15 minutes": from then on after a day's end, with some room, its list is held to
    /// be as complete as its count.
    static let latency = Duration.minutes(20)
    /// Days after which what is remembered of a day is dropped: its cells are gone by then.
    private static let lifetime = 101

    func sync(_ context: any SyncContext) async throws {
        var unreadable = UnreadableParts()
        for due in context.dueSlices {
            try await unreadable.isolate {
                let name = UseAPIUnreadableDay.name(of: due.slice.period.start.day)
                let stored = try await context.memory(name)
                if let failure = UseAPIUnreadableDay(stored: stored)?.failure(at: context.now) { throw failure }
                do {
                    try await read(due, isRepaired: stored != nil, context)
                } catch let failure as any ReasonedFailure {
                    let isOpen = context.now < due.slice.period.end
                    if let day = UseAPIUnreadableDay(failure, isOpen: isOpen, now: context.now) {
                        var reading = Reading()
                        reading.memory[name] = try day.encoded()
                        try await context.commit(reading)
                    }
                    throw failure
                }
            }
        }
        try unreadable.check()
    }

    /// Reads one day and commits it, so that an interrupted first start goes on from there.
    ///
    /// - Parameter isRepaired: whether the day could not be read before.
    private func read(_ due: DueSlice, isRepaired: Bool, _ context: any SyncContext) async throws {
        let day = due.slice.period.start.day
        let asked = context.now
        let isOpen = asked < due.slice.period.end
        let isSettled = due.slice.period.end + Self.latency <= asked
        let usage = try await UseAPIStatsQuery(api: api, bot: bot).day(day) { context.remark($0) }

        let memory = Self.pricesMemory(of: day)
        let remembered = try await context.memory(memory)
        let prices = UseAPIPrices(
            self.prices, remembered: remembered, isFirst: due.lastRead == nil, isOpen: isOpen, bot: bot)
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        guard let cells = try usage.cells(earlier: earlier, isSettled: isSettled, price: prices.price(of:)) else {
            context.remark("\(day): the API counts requests of \(bot) and lists none yet; the day is read again")
            return
        }
        var reading = Reading()
        reading.slices = [SliceReading(due.slice, cells: cells, readAt: asked)]
        if prices.text != remembered { reading.memory.updateValue(prices.text, forKey: memory) }
        if isRepaired { reading.memory.updateValue(nil, forKey: UseAPIUnreadableDay.name(of: day)) }
        if due.lastRead == nil {
            let outlived = day.advanced(by: -Self.lifetime)
            reading.memory.updateValue(nil, forKey: Self.pricesMemory(of: outlived))
            reading.memory.updateValue(nil, forKey: UseAPIUnreadableDay.name(of: outlived))
        }
        try await context.commit(reading)
        // Until then its list and its count may be of different times.
        if isSettled, let remark = usage.remark { context.remark(remark) }
    }

    private static func pricesMemory(of day: UTCDay) -> String { "prices/\(day)" }
}
