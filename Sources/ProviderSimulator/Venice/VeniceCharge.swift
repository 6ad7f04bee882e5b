import UsageModel

/// One inference of a simulated account, billed as one or more rows.
package struct VeniceCharge: Sendable, Hashable {
    /// The work that was charged.
    package enum Work: Sendable, Hashable {
        /// A chat completion: prompt tokens, how many of them were cached, and completion tokens.
        case tokens(prompt: Int, cached: Int, completion: Int)
        /// The given number of images.
        case images(Int)
    }

    package var id: String
    /// The timestamp of its first row.
    package var time: Timestamp
    package var model: String
    package var work: Work
    /// The price of a million cached tokens, or of an image; input costs four times that, output sixteen times.
    package var unitPrice: ExactDecimal
    package var currency = "USD"
    /// The id of the key used; nil for the web app.
    package var keyID: String?
    /// Duration; nil if not recorded.
    package var milliseconds: Int? = 1500
    /// Whether its rows have `inferenceDetails`.
    package var hasDetails = true
    /// Whether it included a web search, which is a row of its own.
    package var searchesWeb = false
    /// The time between consecutive rows.
    package var rowSpacing = Duration.zero
    /// The time from which the API shows it.
    package var visibleFrom: Timestamp

    /// An inference, shown immediately.
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
            // price × count × 10^exponent, exactly.
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

struct VeniceBillingRow: Sendable, Hashable {
    let timestamp: Timestamp
    let sku: String
    /// The model of the SKU, which the exporter has to derive.
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
