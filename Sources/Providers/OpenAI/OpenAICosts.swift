import Upstream
import UsageModel

/// A row of `costs`: the USD of a line item and a key, or of the whole day where it is not grouped.
struct OpenAICostRow: OpenAIRow {
    struct Amount: Decodable {
        let value: LenientDecimal
        let currency: LenientString
    }

    let amount: Amount
    let line_item: LenientString?
    let project_id: LenientString?
    let api_key_id: LenientString?

    private enum CodingKeys: String, CodingKey {
        case amount, line_item, project_id, api_key_id
    }

    /// - Throws: `SourceFailure` for another currency than USD, which is not converted.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        amount = try fields.decode(Amount.self, forKey: .amount)
        line_item = try fields.decodeIfPresent(LenientString.self, forKey: .line_item)
        project_id = try fields.decodeIfPresent(LenientString.self, forKey: .project_id)
        api_key_id = try fields.decodeIfPresent(LenientString.self, forKey: .api_key_id)
        guard amount.currency.whole.lowercased() == "usd" else {
            throw SourceFailure(.decode, "costs has an amount in another currency than usd")
        }
    }

    var group: [String?] { [line_item?.whole, project_id?.whole, keyID] }

    /// The id of the key; nil for cost of no key.
    var keyID: String? { api_key_id.flatMap { $0.whole.isEmpty ? nil : $0.whole } }
}

/// The cost of one UTC day.
struct OpenAICostDay: OpenAIDay {
    let due: DueSlice
    private let rows: [OpenAICostRow]
    private let sum: ExactDecimal
    /// Whether rows were repeated that only a total can confirm.
    private let hasRepeats: Bool
    /// The provider's own total; nil if it changed while the rows were read.
    private var total: ExactDecimal?

    /// Creates a day from its rows by key and line item, and those of the query without dimensions, which was sent before.
    ///
    /// - Throws: `SourceFailure` if the total is listed twice.
    init(_ due: DueSlice, rows: [OpenAICostRow], total: [OpenAICostRow]) throws {
        guard !total.hasRepeats else {
            throw SourceFailure(.decode, "costs lists the total of \(due.day) twice")
        }
        self.due = due
        self.rows = rows
        hasRepeats = rows.hasRepeats
        sum = Self.sum(rows)
        self.total = Self.sum(total)
    }

    /// The ids of the keys with cost.
    var keyIDs: Set<String> { Set(rows.compactMap(\.keyID)) }

    /// Whether the rows sum to the total, except for rounding errors.
    var agrees: Bool { Self.areEqual(total, sum) }

    /// Compares the total with that of a later query.
    ///
    /// Rows and total come from two queries, and usage arrives between them. A difference counts only if the total was the
    /// same before and after the rows.
    mutating func confirm(total later: [OpenAICostRow]?) {
        let later = later.map(Self.sum)
        if Self.areEqual(later, sum) {
            total = later
        } else if !Self.areEqual(later, total ?? .zero) {
            total = nil
        }
    }

    /// Returns the cells of the day. From a day after its end, the part of the total beyond the rows is counted without
    /// key, model and line item.
    ///
    /// - Throws: `SourceFailure` if rows repeat and do not sum to the total, or if rows are missing.
    func cells(_ state: inout OpenAIDayState, _ context: any SyncContext) async throws -> [Cell] {
        guard !hasRepeats || agrees else {
            throw SourceFailure(
                .decode, "costs lists a line item of a key twice on \(due.day), and its rows do not sum to its total")
        }
        var cost: [[String]: ExactDecimal] = [:]
        var items: [[String]: ExactDecimal] = [:]
        for row in rows {
            let key = state[row.keyID]
            cost[[key, OpenAILineItem.model(of: row.line_item?.whole ?? "")], default: .zero] += row.amount.value.value
            items[[key, row.line_item?.value ?? ""], default: .zero] += row.amount.value.value
        }
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        // While the total changes, the earlier reading's is the last one known.
        let before = Self.sums(.cost, earlier)
        let remainder = Remainder(
            total: total ?? (before.isEmpty ? nil : before.values.reduce(.zero, +)), parts: [sum])
        // Rows may be listed later than the total includes them: they would then count under no key and under theirs.
        if !remainder.unlisted.isZero, due.day.period.end + Self.rowsLateness <= context.now {
            cost[Self.unlisted, default: .zero] += remainder.unlisted
            items[Self.unlisted, default: .zero] += remainder.unlisted
        }
        Self.keepUnlisted(&cost, &items, before, Self.sums(.openAILineItemCost, earlier))
        try checkForMissingRows(
            cost, before,
            gained: max(.zero, remainder.difference)
                - max(.zero, Self.sums(.reconciliation, earlier)[[]] ?? .zero))
        var keys: [String: ExactDecimal] = [:]
        for (labels, amount) in cost { keys[labels[0], default: .zero] += amount }
        var cells = cost.map { Cell(.cost, $0, $1) } + items.map { Cell(.openAILineItemCost, $0, $1) }
        cells += keys.map { Cell(.keyCost, [$0], $1) }
        if total != nil { cells.append(Cell(.reconciliation, [], remainder.difference)) }
        return cells
    }

    /// How long after a day's end its rows may be incomplete while its total is not; an assumption.
    private static let rowsLateness = Duration.hours(24)

    /// The labels of cost without key, and without model or line item.
    private static let unlisted = ["", ""]

    /// Keeps what was counted without a key there, once its rows are listed: under their key it would count a second
    /// time, because counters never fall. It is taken from the series that gained; the sum does not change.
    private static func keepUnlisted(
        _ cost: inout [[String]: ExactDecimal], _ items: inout [[String]: ExactDecimal],
        _ costBefore: [[String]: ExactDecimal], _ itemsBefore: [[String]: ExactDecimal]
    ) {
        // Line items nearly always have a text, so that what has none is the part that was counted beyond the rows.
        let lost = (itemsBefore[unlisted] ?? .zero) - (items[unlisted] ?? .zero)
        move(lost, in: &items, before: itemsBefore)
        move(min(lost, (costBefore[unlisted] ?? .zero) - (cost[unlisted] ?? .zero)), in: &cost, before: costBefore)
    }

    /// Moves up to an amount from series that gained to the one without labels.
    private static func move(
        _ amount: ExactDecimal, in amounts: inout [[String]: ExactDecimal], before: [[String]: ExactDecimal]
    ) {
        let gainers = amounts.keys.filter { $0 != unlisted }.sorted { $0.lexicographicallyPrecedes($1) }
        let moved = amounts.takeGains(upTo: amount, from: gainers, since: before)
        if !moved.isZero { amounts[unlisted, default: .zero] += moved }
    }

    /// Detects a response without all or some of its rows. What a key and model lose would be a correction, and would
    /// count a second time where the total still includes it.
    ///
    /// - Parameter gained: what the total has beyond the rows, minus what it had before.
    private func checkForMissingRows(
        _ cost: [[String]: ExactDecimal], _ before: [[String]: ExactDecimal], gained: ExactDecimal
    ) throws {
        let hadCost = before.contains { !$0.value.isZero }
        let hadRows = before.contains { $0.key != Self.unlisted && !$0.value.isZero }
        guard !rows.isEmpty || !hadCost || !hadRows && !(total ?? .zero).isZero else {
            throw SourceFailure(.decode, "costs has no rows on \(due.day), but had some; the stored figures stay")
        }
        let lost = before.reduce(ExactDecimal.zero) { $0 + max(.zero, $1.value - (cost[$1.key] ?? .zero)) }
        guard lost > Remainder.noise, gained + Remainder.noise > lost else { return }
        throw SourceFailure(
            .decode,
            "costs lists less by key and line item on \(due.day) than before, but its total includes it; the stored "
                + "figures stay")
    }

    private static func sums(_ family: LedgerFamily, _ cells: [Cell]) -> [[String]: ExactDecimal] {
        Dictionary(cells.filter { $0.family == family }.map { ($0.labels, $0.value) }, uniquingKeysWith: +)
    }

    private static func areEqual(_ left: ExactDecimal?, _ right: ExactDecimal) -> Bool {
        left.map { ($0 - right).magnitude < Remainder.noise } ?? false
    }

    private static func sum(_ rows: [OpenAICostRow]) -> ExactDecimal {
        rows.reduce(.zero) { $0 + $1.amount.value.value }
    }
}

/// The reading of a `line_item` of `costs`, an undocumented text such as `priority | gpt-5-mini audio, cached input`.
enum OpenAILineItem {
    /// Kinds of tokens that follow the model.
    private static let modalities: Set<Substring> = ["audio", "image", "text", "video"]

    /// Returns the model of a line item; empty if it is of no model.
    ///
    /// It is the text before the first `, `, without a service tier in front (`priority | `) and without the kind of
    /// tokens behind (` audio`). No model's id has other spaces. An item without `, ` is not usage by tokens of a model (`web
    /// search tool calls`).
    static func model(of item: String) -> String {
        guard let comma = item.firstRange(of: ", ") else { return "" }
        var model = item[..<comma.lowerBound]
        if let tier = model.firstRange(of: " | ") { model = model[tier.upperBound...] }
        if let space = model.lastIndex(of: " "), modalities.contains(model[model.index(after: space)...]) {
            model = model[..<space]
        }
        return model.contains(where: \.isWhitespace) ? "" : LongName.bounded(String(model))
    }
}
