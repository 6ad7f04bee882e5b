import Upstream
import UsageModel

/// `GET /api/v1/billing/usage-analytics`: charges by key, one UTC day per slice.
///
/// This is the provider's own view, not an addition to `usage`: its USD includes what bundled credits paid, and its
/// responses are up to ten minutes old. Not read: `byModel` and similar fields, which `usage` has by hour and row;
/// `byKeyDaily`, which sums USD and DIEM; `totalUnits`, which sums tokens and images.
struct VeniceAnalyticsSource: UsageSource {
    static let endpoint = "usage_analytics"

    let name = endpoint
    /// Ten minutes, because the API caches responses for that time.
    let minimumInterval = Duration.minutes(10)
    /// The API keeps at most 90 days.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(90))
    let api: any UpstreamAPI

    /// Returns the query for a range of days, which the API limits to 90.
    static func call(_ days: ClosedRange<UTCDay>) -> UpstreamCall {
        UpstreamCall(
            .get, "/api/v1/billing/usage-analytics",
            query: [("startDate", "\(days.lowerBound)"), ("endDate", "\(days.upperBound)")])
    }

    func sync(_ context: any SyncContext) async throws {
        var due = context.dueSlices[...]
        var parts = VeniceParts()
        var read: Set<SliceID> = []
        // The open day first. If it fails permanently, nothing else is queried.
        guard let open = due.popFirst(), try await tryReading(open, context, &parts, &read) else {
            return try parts.finish()
        }
        var late = try await VeniceLateCharges(context, api)
        for day in due + late.slices where !read.contains(day.slice) {
            guard try await tryReading(day, context, &parts, &read) else { break }
        }
        try await late.confirm(read: read, context)
        try parts.finish()
    }

    /// Reads one day. Its failure need not stop the others. Returns false if the endpoint is missing.
    private func tryReading(
        _ due: DueSlice, _ context: any SyncContext, _ parts: inout VeniceParts, _ read: inout Set<SliceID>
    ) async throws -> Bool {
        do {
            guard try await self.read(due, context) else { return false }
            parts.succeed()
            read.insert(due.slice)
        } catch let failure as any ReasonedFailure {
            try parts.fail(failure)
        }
        return true
    }

    /// Reads one day and commits it. Returns false if the endpoint is missing.
    private func read(_ due: DueSlice, _ context: any SyncContext) async throws -> Bool {
        let day = due.slice.period.start.day
        let requested = context.now
        guard let response = try await api.sendIfPresent(Self.call(day...day)) else { return false }
        let analytics = try JSONBody.decode(VeniceAnalytics.self, from: response) { context.remark($0) }
        let names: [String: String]? = try await context.remembered(Self.namesName(day))
        let moved: [String: VeniceMovedUsage]? = try await context.remembered(Self.movedName(day))
        var memory = VeniceDayMemory(names: VeniceDayNames(names ?? [:]), moved: moved ?? [:])
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        var reading = Reading()
        reading.slices = [
            SliceReading(
                due.slice, cells: try analytics.cells(of: day, earlier: earlier, &memory), readAt: requested)
        ]
        if names == nil { Self.forgetDays(before: day, in: &reading) }
        if memory.names.byID != names {
            reading.memory[Self.namesName(day)] = try RememberedJSON.text(of: memory.names.byID)
        }
        if memory.moved != moved ?? [:] {
            reading.memory[Self.movedName(day)] = .some(
                memory.moved.isEmpty ? nil : try RememberedJSON.text(of: memory.moved))
        }
        try await context.commit(reading)
        return true
    }

    private static func namesName(_ day: UTCDay) -> String { "names \(day)" }
    private static func movedName(_ day: UTCDay) -> String { "moved \(day)" }

    /// The number of days to keep a day's state: the ledger keeps cells, which need the state, for at most 100 days.
    private static let daysRemembered = 100

    /// Deletes the state of days whose cells are no longer kept. Runs once a day and covers a month, so that no outage
    /// shorter than that leaves state behind.
    private static func forgetDays(before day: UTCDay, in reading: inout Reading) {
        for age in (daysRemembered + 1)...(daysRemembered + 31) {
            let old = day.advanced(by: -age)
            reading.memory[namesName(old)] = .some(nil)
            reading.memory[movedName(old)] = .some(nil)
        }
    }
}

/// The used fields of the response of `usage-analytics` for one day.
struct VeniceAnalytics: Decodable {
    struct Key: Decodable {
        let apiKeyId: Decoration<LenientString>
        let description: Decoration<LenientString>
        let totalUsd: LenientDecimal?
        let totalDiem: LenientDecimal?
    }

    let byKey: BoundedArray<Key>
    let byDate: LenientArray<VeniceDayFigures>

    /// The name of the entry that sums the keys beyond the listed ones.
    static let other = "Other"

    /// Returns the cells of the day. The part of the day's total beyond its keys gets the empty key.
    ///
    /// - Parameters:
    ///   - earlier: the cells of the day's last read; empty for the first read.
    ///   - memory: the stored state of the day.
    /// - Throws: `SourceFailure` for a response without keys and total if the day had usage; missing data is not zero.
    func cells(of day: UTCDay, earlier: [Cell], _ memory: inout VeniceDayMemory) throws -> [Cell] {
        let total = byDate.values.first { $0.day == day }?.usd
        guard !byKey.values.isEmpty || total != nil || earlier.allSatisfy(\.value.isZero) else {
            throw SourceFailure(.decode, "usage-analytics has neither keys nor a total for \(day), which had usage")
        }
        var usd: [String: ExactDecimal] = [:]
        var diem: [String: ExactDecimal] = [:]
        for key in byKey.values {
            let name = memory.names.name(of: key)
            if let amount = key.totalUsd?.value { usd[name, default: .zero] += amount }
            if let amount = key.totalDiem?.value { diem[name, default: .zero] += amount }
        }
        let remainder = Remainder(total: total, parts: Array(usd.values))
        if !remainder.unlisted.isZero { usd["", default: .zero] += remainder.unlisted }
        memory.settle(&usd, of: .keyCost, earlier: earlier, rests: [Self.other, ""])
        memory.settle(&diem, of: .keyCredits, earlier: earlier, rests: [Self.other])
        var cells = usd.map { Cell(.keyCost, [$0], $1) }
        cells += diem.map { Cell(.keyCredits, [$0, "diem"], $1) }
        if total != nil { cells.append(Cell(.reconciliation, [], remainder.difference)) }
        return cells
    }
}

/// One entry of `byDate`: the total of a UTC day. USD includes usage paid by bundled credits, not by earned credits.
struct VeniceDayFigures: Decodable {
    /// Nil if the date is invalid.
    let day: UTCDay?
    let usd: ExactDecimal?
    let diem: ExactDecimal?

    private enum CodingKeys: String, CodingKey {
        case date
        case usd = "USD"
        case diem = "DIEM"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        day = try container.decode(Decoration<LenientTimestamp>.self, forKey: .date).value?.value.day
        usd = try container.decodeIfPresent(LenientDecimal.self, forKey: .usd)?.value
        diem = try container.decodeIfPresent(LenientDecimal.self, forKey: .diem)?.value
    }
}

/// The stored state of one day, kept as long as the ledger keeps the day's cells.
struct VeniceDayMemory {
    var names: VeniceDayNames
    /// Moved usage by family and rest.
    private(set) var moved: [String: VeniceMovedUsage]

    init(names: VeniceDayNames, moved: [String: VeniceMovedUsage]) {
        self.names = names
        self.moved = moved
    }

    /// Keeps usage that moved between labels at the label where it was first counted.
    mutating func settle(
        _ amounts: inout [String: ExactDecimal], of family: LedgerFamily, earlier: [Cell], rests: [String]
    ) {
        let before = Dictionary(
            earlier.filter { $0.family == family }.map { ($0.labels.first ?? "", $0.value) }, uniquingKeysWith: +)
        guard !before.isEmpty else { return }
        for rest in rests {
            let name = "\(family.name)/\(rest)"
            var usage = moved[name] ?? VeniceMovedUsage()
            usage.settle(&amounts, rest: rest, rests: rests, earlier: before)
            moved[name] = usage.isEmpty ? nil : usage
        }
    }
}
