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

    /// Returns the cells of the day. The part of the total beyond the rows has no key, no model and no line item.
    ///
    /// - Throws: `SourceFailure` if rows repeat and do not sum to the total, or if rows are missing.
    func cells(_ labels: inout OpenAIKeyLabels, _ context: any SyncContext) async throws -> [Cell] {
        labels.add(keyIDs)
        guard !hasRepeats || agrees else {
            throw SourceFailure(
                .decode, "costs lists a line item of a key twice on \(due.day), and its rows do not sum to its total")
        }
        var cost: [[String]: ExactDecimal] = [:]
        var items: [[String]: ExactDecimal] = [:]
        for row in rows {
            let key = labels[row.keyID]
            cost[[key, OpenAILineItem.model(of: row.line_item?.whole ?? "")], default: .zero] += row.amount.value.value
            items[[key, row.line_item?.value ?? ""], default: .zero] += row.amount.value.value
        }
        let remainder = Remainder(total: total, parts: [sum])
        if !remainder.unlisted.isZero {
            cost[["", ""], default: .zero] += remainder.unlisted
            items[["", ""], default: .zero] += remainder.unlisted
        }
        if due.lastRead != nil { try checkForMissingRows(cost, try await context.cells(of: due.slice)) }
        var keys: [String: ExactDecimal] = [:]
        for (labels, amount) in cost { keys[labels[0], default: .zero] += amount }
        var cells = cost.map { Cell(.cost, $0, $1) } + items.map { Cell(.openAILineItemCost, $0, $1) }
        cells += keys.map { Cell(.keyCost, [$0], $1) }
        if total != nil { cells.append(Cell(.reconciliation, [], remainder.difference)) }
        return cells
    }

    /// Detects a response without some of its rows, while the total still includes them: what a key and model lose appears
    /// without key and model, where it would count a second time, because counters never fall.
    private func checkForMissingRows(_ cost: [[String]: ExactDecimal], _ earlier: [Cell]) throws {
        var lost = ExactDecimal.zero
        var gained = cost[["", ""]] ?? .zero
        for cell in earlier where cell.family == .cost {
            if cell.labels == ["", ""] {
                gained -= cell.value
            } else {
                lost += max(.zero, cell.value - (cost[cell.labels] ?? .zero))
            }
        }
        guard lost > Remainder.noise, gained + Remainder.noise > lost else { return }
        throw SourceFailure(
            .decode,
            "costs lists less by key and line item on \(due.day) than before, but its total includes it; the stored "
                + "figures stay")
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
