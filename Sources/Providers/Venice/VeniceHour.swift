import UsageModel
import Upstream

/// The sums of one UTC hour of Venice.ai's billing. They do not depend on the order of rows.
struct VeniceHour {
    /// One inference, collected from its rows.
    private struct Request {
        var sku: VeniceSKU
        var promptTokens: ExactDecimal?
        var completionTokens: ExactDecimal?
        /// The sum of the rows for tokens read from the cache.
        var cachedTokens: ExactDecimal?
        /// The sum of the rows for tokens written to the cache.
        var writtenTokens: ExactDecimal?
        var milliseconds: ExactDecimal?

        /// The tokens of the prompt that count only as `cache_input` or `cache_write`. Tokens that exceed the prompt
        /// cannot be part of it, those written first.
        var otherwiseCounted: ExactDecimal {
            guard let promptTokens else { return .zero }
            let cached = cachedTokens ?? .zero
            let all = cached + (writtenTokens ?? .zero)
            return [all, cached].first { $0 <= promptTokens } ?? .zero
        }
    }

    private struct UnitOfModel: Hashable {
        let model: String
        let unit: String
    }

    private struct TokenType: Hashable {
        let model: String
        let type: String
    }

    private var cost: [String: ExactDecimal] = [:]
    private var credits: [UnitOfModel: ExactDecimal] = [:]
    /// Quantities that are not tokens.
    private var units: [UnitOfModel: ExactDecimal] = [:]
    private var topups: ExactDecimal?
    private var refunds: ExactDecimal?
    private var creditsRefunded: [UnitOfModel: ExactDecimal] = [:]
    private var requests: [String: Request] = [:]
    /// Charges without details by model; each counts as a request.
    private var anonymous: [String: Int] = [:]

    /// Adds a row of this hour.
    mutating func add(_ row: VeniceRow, _ sku: VeniceSKU) {
        let amount = row.amount.value
        guard amount <= .zero else {
            addIncome(amount, row, sku)
            return
        }
        addCharge(-amount, of: sku.model, currency: row.currency?.value ?? "")
        guard let details = row.inferenceDetails else {
            if sku.isSubscription || row.notes.map({ VeniceSKU.isSubscription($0.value) }) == true { return }
            anonymous[sku.model, default: 0] += 1
            addUnits(row, sku)
            return
        }
        addUnits(row, sku)
        let id = VeniceHour.requestID(of: row, details, sku)
        var request = requests[id] ?? Request(sku: sku)
        // The rows of a request repeat the same figures. If they differ, the result must not depend on their order.
        if (sku.rank, request.sku.model) > (request.sku.rank, sku.model) { request.sku = sku }
        request.promptTokens = larger(request.promptTokens, tokens(details.promptTokens?.value))
        request.completionTokens = larger(request.completionTokens, tokens(details.completionTokens?.value))
        if let time = details.inferenceExecutionTime?.value, !time.isNegative, LenientDecimal.isPlausible(time) {
            request.milliseconds = max(request.milliseconds ?? time, time)
        }
        switch sku.kind {
        case .cacheInput: request.cachedTokens = sum(request.cachedTokens, billedTokens(of: row))
        case .cacheWrite: request.writtenTokens = sum(request.writtenTokens, billedTokens(of: row))
        case .extra, .work, .tokens: break
        }
        requests[id] = request
    }

    /// Returns the id of a row's request, or a text of its known figures if it has no id.
    static func requestID(of row: VeniceRow, _ details: VeniceRow.Details, _ sku: VeniceSKU) -> String {
        if let id = details.requestId?.value, !id.isEmpty { return id }
        let figures = [details.promptTokens, details.completionTokens, details.inferenceExecutionTime]
            .map { $0?.value.description ?? "" }
        return ([row.timestamp.value.description, sku.model] + figures).joined(separator: " ")
    }

    private mutating func addCharge(_ charge: ExactDecimal, of model: String, currency: String) {
        if currency.uppercased() == "USD" {
            cost[model, default: .zero] += charge
        } else {
            credits[UnitOfModel(model: model, unit: currency.lowercased()), default: .zero] += charge
        }
    }

    private mutating func addUnits(_ row: VeniceRow, _ sku: VeniceSKU) {
        guard let unit = sku.unit, let count = row.units?.value ?? row.unit?.value, !count.isNegative else { return }
        units[UnitOfModel(model: sku.model, unit: unit), default: .zero] += count
    }

    /// Returns the tokens that a row bills; nil for an invalid number.
    private func billedTokens(of row: VeniceRow) -> ExactDecimal? {
        guard let units = row.units?.value ?? row.unit?.value else { return nil }
        // A unit is a million tokens; binary floating point in the JSON may leave a small fraction.
        let count = Int(exactly: (units * 1_000_000).doubleValue.rounded())
        return count.flatMap { $0 >= 0 && LenientDecimal.isPlausible($0) ? ExactDecimal($0) : nil }
    }

    /// Words in `sku` or `notes` that distinguish refunds from top-ups.
    private static let refundWords = ["refund", "reversal", "reimburse"]

    /// Adds money that came in: refunds in every currency, and top-ups in USD. Allocations in other currencies (the
    /// daily DIEM, a plan's bundled credits) show in the balance.
    private mutating func addIncome(_ amount: ExactDecimal, _ row: VeniceRow, _ sku: VeniceSKU) {
        let currency = row.currency?.value ?? ""
        let isUSD = currency.uppercased() == "USD"
        let text = [row.sku?.value, row.notes?.value].compactMap { $0?.lowercased() }.joined(separator: " ")
        // A positive row with an inference is the refund of that inference.
        let isRefund = row.inferenceDetails != nil || Self.refundWords.contains(where: text.contains)
        if isRefund, !isUSD {
            let credit = UnitOfModel(model: sku.model, unit: currency.lowercased())
            creditsRefunded[credit, default: .zero] += amount
        } else if isRefund {
            refunds = sum(refunds, amount)
        } else if isUSD {
            topups = sum(topups, amount)
        }
    }

    /// Returns the cells of the hour.
    ///
    /// - Parameter earlier: ids of requests that have rows shortly before this hour, and are counted there.
    func cells(countedEarlier earlier: Set<String>) -> [Cell] {
        var counts = anonymous
        var tokens: [TokenType: ExactDecimal] = [:]
        var durations: [String: DurationHistogram] = [:]
        for (id, request) in requests {
            let model = request.sku.model
            var input = -request.otherwiseCounted
            if let cached = request.cachedTokens {
                tokens[TokenType(model: model, type: "cache_input"), default: .zero] += cached
            }
            if let written = request.writtenTokens {
                tokens[TokenType(model: model, type: "cache_write"), default: .zero] += written
            }
            if !earlier.contains(id) {
                counts[model, default: 0] += 1
                input += request.promptTokens ?? .zero
                if let output = request.completionTokens {
                    tokens[TokenType(model: model, type: "output"), default: .zero] += output
                }
                if let time = request.milliseconds { durations[model, default: DurationHistogram()].add(time) }
            }
            if request.promptTokens != nil { tokens[TokenType(model: model, type: "input"), default: .zero] += input }
        }
        var cells = cost.map { Cell(.cost, ["", $0], $1) }
        cells += credits.map { Cell(.credits, ["", $0.model, $0.unit], $1) }
        cells += units.map { Cell(.units, ["", $0.model, $0.unit], $1) }
        cells += creditsRefunded.map { Cell(.creditsRefunded, [$0.model, $0.unit], $1) }
        cells += counts.map { Cell(.requests, ["", $0], ExactDecimal($1)) }
        cells += tokens.map { Cell(.tokens, ["", $0.model, $0.type], $1) }
        cells += durations.flatMap { $1.cells(model: $0) }
        if let topups { cells.append(Cell(.topups, [], topups)) }
        if let refunds { cells.append(Cell(.refunds, [], refunds)) }
        return cells.sorted { ($0.family.name, $0.labels.joined()) < ($1.family.name, $1.labels.joined()) }
    }

    /// Returns the sum; nil if neither is known.
    private func sum(_ left: ExactDecimal?, _ right: ExactDecimal?) -> ExactDecimal? {
        left == nil ? right : (left ?? .zero) + (right ?? .zero)
    }

    private func larger(_ left: ExactDecimal?, _ right: ExactDecimal?) -> ExactDecimal? {
        [left, right].compactMap { $0 }.max()
    }

    /// Returns a count of tokens; nil for an invalid number.
    private func tokens(_ number: ExactDecimal?) -> ExactDecimal? {
        number.flatMap { $0.wholeNumber != nil && !$0.isNegative && LenientDecimal.isPlausible($0) ? $0 : nil }
    }
}
