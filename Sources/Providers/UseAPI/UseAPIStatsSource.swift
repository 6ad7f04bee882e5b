import Foundation
import Upstream
import UsageModel

/// `GET /v2/account/stats` of one bot: its requests, one UTC day per slice.
struct UseAPIStatsSource: UsageSource {
    let bot: String
    let prices: [String: ExactDecimal]
    let api: any UpstreamAPI

    var name: String { Self.name(of: bot) }

    /// Returns `stats/google-flow`: the last path component and the bot, because each bot is queried separately.
    static func name(of bot: String) -> String { "stats/\(bot)" }

    /// The documented latency: "Data latency is at least 5 minutes". Responses are large, so they are not read earlier.
    let minimumInterval = Duration.minutes(5)

    /// The documented retention: "Data is retained for 3 months". That is at least 89 days (with February); one day
    /// less, so that no day is read while it is being deleted.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(Self.keptDays))
    private static let keptDays = 88

    /// The cost is an estimate, which needs prices.
    var reportsCost: Bool { !prices.isEmpty }
    var costViews: Set<LedgerFamily> { prices.isEmpty ? [] : [.estimatedCost] }

    /// The time after a day's end from which its list counts as complete. The documentation says "Data latency … should
    /// not exceed 15 minutes"; five more are added as a margin.
    static let latency = Duration.minutes(20)
    /// Days until a day's state is deleted; its cells are deleted earlier.
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

    /// Reads one day and commits it, so that an interrupted first start continues from there.
    ///
    /// - Parameter isRepaired: whether the last read of the day failed.
    private func read(_ due: DueSlice, isRepaired: Bool, _ context: any SyncContext) async throws {
        let day = due.slice.period.start.day
        let requestedAt = context.now
        let isOpen = requestedAt < due.slice.period.end
        let isSettled = due.slice.period.end + Self.latency <= requestedAt
        let usage = try await UseAPIStatsQuery(api: api, bot: bot).day(day) { context.remark($0) }

        let memory = Self.pricesMemory(of: day)
        let remembered = try await context.memory(memory)
        let prices = UseAPIPrices(
            self.prices, remembered: remembered, isFirst: due.lastRead == nil, isOpen: isOpen, bot: bot)
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        var cells = try usage.cells(earlier: earlier, isSettled: isSettled, price: prices.price(of:))
        let isGone = usage.isEmpty && !earlier.isEmpty
        if isGone {
            // An absence is not a figure: a bot that was retired may list nothing of its past.
            context.remark("\(day): the API lists no requests of \(bot) any more; the day keeps its figures")
            cells = earlier
        }
        guard let cells else {
            context.remark("\(day): the API counts requests of \(bot) but lists none yet; the day will be read again")
            return
        }
        var reading = Reading()
        let reach = usage.reach(requestedAt: requestedAt)
        reading.slices = [SliceReading(due.slice, cells: cells, readAt: reach)]
        let knownTruncated = UseAPITruncatedDays(stored: try await context.memory(UseAPITruncatedDays.name))
        let oldest = context.now.day.advanced(by: -Self.keptDays)
        let truncated = knownTruncated.after(isGone ? nil : usage, isSettled: isSettled, keptFrom: oldest)
        if truncated != knownTruncated {
            reading.memory.updateValue(try truncated.encoded(), forKey: UseAPITruncatedDays.name)
        }
        reading.gauges[.truncatedDays] = [GaugeSample([bot], Double(truncated.count))]
        if prices.text != remembered { reading.memory.updateValue(prices.text, forKey: memory) }
        if isRepaired { reading.memory.updateValue(nil, forKey: UseAPIUnreadableDay.name(of: day)) }
        if due.lastRead == nil {
            let outlived = day.advanced(by: -Self.lifetime)
            reading.memory.updateValue(nil, forKey: Self.pricesMemory(of: outlived))
            reading.memory.updateValue(nil, forKey: UseAPIUnreadableDay.name(of: outlived))
        }
        try await context.commit(reading)
        // Before that, the list and the count may be of different times.
        if isSettled, let remark = usage.remark { context.remark(remark) }
    }

    private static func pricesMemory(of day: UTCDay) -> String { "prices/\(day)" }
}

/// The days of a bot of which the API listed only a part of the rows. Stored as JSON.
struct UseAPITruncatedDays: Equatable {
    /// Days since the epoch.
    private var days: Set<Int>

    /// The name under which the days are stored.
    static let name = "truncated"

    /// Decodes the stored days; none if they cannot be decoded, because no counter depends on them.
    init(stored: String?) {
        days = stored.flatMap { try? JSONDecoder().decode(Set<Int>.self, from: Data($0.utf8)) } ?? []
    }

    var count: Int { days.count }

    /// Returns the days after a reading, without those before `oldest`, which the API may no longer serve.
    ///
    /// - Parameters:
    ///   - day: the day as it was read; nil if the day keeps the figures of an earlier reading.
    ///   - isSettled: whether the day's list is as complete as its count.
    func after(_ day: UseAPIDay?, isSettled: Bool, keptFrom oldest: UTCDay) -> UseAPITruncatedDays {
        var after = self
        if let day, day.isIncomplete || isSettled && day.lacksRows {
            after.days.insert(day.day.daysSinceEpoch)
        } else if let day {
            after.days.remove(day.day.daysSinceEpoch)
        }
        after.days = after.days.filter { oldest.daysSinceEpoch <= $0 }
        return after
    }

    /// Returns the JSON to store; nil if there are no days.
    func encoded() throws -> String? { days.isEmpty ? nil : try RememberedJSON.text(of: days.sorted()) }
}
