import UsageModel
import Upstream

/// The response of `usage-analytics` for one day, as far as it is used.
struct VeniceAnalytics: Decodable {
    struct Key: Decodable {
        let apiKeyId: Decoration<LenientString>
        let description: Decoration<LenientString>
        let totalUsd: LenientDecimal?
        let totalDiem: LenientDecimal?
    }

    let byKey: BoundedArray<Key>
    let byDate: LenientArray<VeniceDayFigures>

    /// The key that holds what the keys beyond the listed ones used.
    static let other = "Other"

    /// The day's cells; what the day's total holds beyond its keys goes to the empty key.
    ///
    /// - Parameters:
    ///   - earlier: the cells of the day's last reading; empty for the first one.
    ///   - memory: what is remembered of the day's readings.
    /// - Throws: `SourceFailure` for a response without keys and without a total, where the day had usage: that is an
    ///   absence and not a figure.
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

/// One entry of `byDate`: the total of a UTC day. USD holds what bundled credits paid, and not what earned credits paid.
struct VeniceDayFigures: Decodable {
    /// Nil where the date cannot be read.
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

/// What is remembered of one day's readings, for as long as the ledger keeps the day's cells.
struct VeniceDayMemory {
    var names: VeniceDayNames
    /// By family and rest.
    private(set) var moved: [String: VeniceMovedUsage]

    init(names: VeniceDayNames, moved: [String: VeniceMovedUsage]) {
        self.names = names
        self.moved = moved
    }

    /// Keeps usage that moved between labels under the label where it was first counted.
    mutating func settle(
        _ amounts: inout [String: ExactDecimal], of family: LedgerFamily, earlier: [Cell], rests: [String]
    ) {
        let before = Dictionary(
            earlier.filter { $0.family == family }.map { ($0.labels.first ?? "", $0.value) }, uniquingKeysWith: +)
        guard !before.isEmpty else { return }
        for rest in rests {
            let name = "\(family.rawValue)/\(rest)"
            var usage = moved[name] ?? VeniceMovedUsage()
            usage.settle(&amounts, rest: rest, rests: rests, earlier: before)
            moved[name] = usage.isEmpty ? nil : usage
        }
    }
}
