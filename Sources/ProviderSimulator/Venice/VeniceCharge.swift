import UsageModel

/// One inference of a simulated account: it becomes one row in the provider's billing, or several.
package struct VeniceCharge: Sendable, Hashable {
    /// What was done.
    package enum Work: Sendable, Hashable {
        /// A conversation: tokens of the prompt, how many of them came from the cache, and of the answer.
        case tokens(prompt: Int, cached: Int, completion: Int)
        /// So many images.
        case images(Int)
    }

    /// The request's id.
    package var id: String
    /// When its first row was written.
    package var time: Timestamp
    /// The provider's model id.
    package var model: String
    /// What was done.
    package var work: Work
    /// The price of a million cached tokens, or of an image; input costs four times that, output sixteen times.
    package var unitPrice: ExactDecimal
    /// What it was paid with.
    package var currency = "USD"
    /// The id of the key that asked; nil for the web app.
    package var keyID: String?
    /// How long it took; nil where it is not recorded.
    package var milliseconds: Int? = 1500
    /// Whether its rows have `inferenceDetails`.
    package var hasDetails = true
    /// Whether the web was searched for it, which is a row of its own.
    package var searchesWeb = false
    /// The time between two of its rows.
    package var rowSpacing = Duration.zero
    /// The API does not show it before this moment.
    package var visibleFrom: Timestamp

    /// An inference, shown at once.
    package init(id: String, time: Timestamp, model: String, work: Work, unitPrice: ExactDecimal) {
        self.id = id
        self.time = time
        self.model = model
        self.work = work
        self.unitPrice = unitPrice
        visibleFrom = time
    }

    /// Its rows, in order of time.
    var rows: [VeniceBillingRow] {
        var lines: [(sku: String, model: String, price: ExactDecimal, units: ExactDecimal, amount: ExactDecimal)] = []
        func add(_ model: String, _ suffix: String, price: ExactDecimal, count: Int, exponent: Int) {
            // price × count × 10^exponent, without a fraction lost.
            let amount = ExactDecimal("\(price * count)e\(exponent)") ?? .zero
            let units = ExactDecimal("\(count)e\(exponent)") ?? .zero
            lines.append((model + suffix, model, price, units, amount))
        }
        switch work {
        case .tokens(let prompt, let cached, let completion):
            add(model, "-llm-input-mtoken", price: unitPrice * 4, count: prompt - cached, exponent: -6)
            if cached > 0 { add(model, "-llm-cache-input-mtoken", price: unitPrice, count: cached, exponent: -6) }
            add(model, "-llm-output-mtoken", price: unitPrice * 16, count: completion, exponent: -6)
        case .images(let count):
            add(model, "-image-unit", price: unitPrice, count: count, exponent: 0)
        }
        if searchesWeb {
            add("search-augmentation", "", price: ExactDecimal(micros: 10_000), count: 1, exponent: 0)
        }
        return lines.enumerated().map { index, line in
            VeniceBillingRow(
                timestamp: time + rowSpacing * index, sku: line.sku, model: line.model, price: line.price,
                units: line.units, amount: -line.amount, currency: currency, notes: "API Inference", keyID: keyID,
                inference: hasDetails ? self : nil, visibleFrom: max(visibleFrom, time + rowSpacing * index))
        }
    }
}

/// A row of the provider's billing.
struct VeniceBillingRow: Sendable, Hashable {
    let timestamp: Timestamp
    let sku: String
    /// What the SKU is about; the exporter has to find it out.
    let model: String
    let price: ExactDecimal
    let units: ExactDecimal
    let amount: ExactDecimal
    let currency: String
    let notes: String
    let keyID: String?
    let inference: VeniceCharge?
    let visibleFrom: Timestamp

    /// The row as both billing endpoints write it.
    func json(_ style: AnswerStyle) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("timestamp", .string(timestamp.description)), .init("sku", .string(sku)),
        ]
        if !style.contains(.withoutOptionalFields) { members.append(.init("pricePerUnitUsd", .number(price))) }
        members += [
            .init("units", .number(units)), .init("amount", .number(amount)), .init("currency", .string(currency)),
        ]
        if !style.contains(.withoutOptionalFields) { members.append(.init("notes", .string(notes))) }
        members.append(.init("inferenceDetails", inference.map(Self.details) ?? .null))
        return .object(members)
    }

    private static func details(_ inference: VeniceCharge) -> JSONValue {
        var prompt = JSONValue.null
        var completion = JSONValue.null
        if case .tokens(let inputs, _, let outputs) = inference.work {
            prompt = .count(inputs)
            completion = .count(outputs)
        }
        return [
            "requestId": .string(inference.id),
            "inferenceExecutionTime": inference.milliseconds.map(JSONValue.count) ?? .null,
            "promptTokens": prompt, "completionTokens": completion,
        ]
    }
}
