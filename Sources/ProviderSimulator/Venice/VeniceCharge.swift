import UsageModel

/// One inference of a simulated account, billed as one or more rows.
package struct VeniceCharge: Sendable, Hashable {
    /// The work that was charged.
    package enum Work: Sendable, Hashable {
        /// A chat completion: prompt tokens, how many of them were cached, and completion tokens.
        case tokens(prompt: Int, cached: Int, completion: Int)
        /// The given number of images.
        case images(Int)
        /// A quantity in another unit, such as minutes of audio, which its SKU ends with.
        case units(ExactDecimal, unit: String)
        /// A charge for a plan, without an inference.
        case subscription
    }

    package var id: String
    /// The timestamp of its first row.
    package var time: Timestamp
    package var model: String
    package var work: Work
    /// The price of a million cached tokens, or of another unit; input costs four times that, tokens written to the
    /// cache five times, and output sixteen times.
    package var unitPrice: ExactDecimal
    /// Tokens of the prompt that were written to the cache.
    package var cacheWritten = 0
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

    /// The model as it is billed. A SKU without a known unit is a model as a whole.
    package var billedModel: String {
        if case .units(_, let unit) = work { "\(model)-\(unit)" } else { model }
    }

    /// `modelType` of `usage-analytics`; nil for a subscription.
    var modelType: String? {
        switch work {
        case .tokens: "LLM"
        case .images: "IMAGE"
        case .units: "VIDEO"
        case .subscription: nil
        }
    }

    private struct Line {
        let sku: String
        let model: String
        /// The unit of `count`; nil for tokens and subscriptions.
        var unit: String?
        let price: ExactDecimal
        let units: ExactDecimal
        let amount: ExactDecimal
    }

    private var lines: [Line] {
        var lines: [Line] = []
        func add(_ suffix: String, price: ExactDecimal, tokens: Int) {
            // price × tokens / 10^6, exactly.
            let amount = ExactDecimal("\(price * tokens)e-6") ?? .zero
            let units = ExactDecimal("\(tokens)e-6") ?? .zero
            lines.append(Line(sku: model + suffix, model: model, price: price, units: units, amount: amount))
        }
        switch work {
        case .tokens(let prompt, let cached, let completion):
            add("-llm-input-mtoken", price: unitPrice * 4, tokens: prompt - cached - cacheWritten)
            if cached > 0 { add("-llm-cache-input-mtoken", price: unitPrice, tokens: cached) }
            if cacheWritten > 0 { add("-llm-cache-write-5m-mtoken", price: unitPrice * 5, tokens: cacheWritten) }
            add("-llm-output-mtoken", price: unitPrice * 16, tokens: completion)
        case .images(let count):
            lines.append(
                Line(
                    sku: model + "-image-unit", model: model, unit: "image", price: unitPrice,
                    units: ExactDecimal(count), amount: unitPrice * count))
        case .units(let count, let unit):
            lines.append(
                Line(
                    sku: billedModel, model: billedModel, unit: unit, price: unitPrice, units: count,
                    // The price is the charge here, whatever the quantity.
                    amount: unitPrice))
        case .subscription:
            lines.append(
                Line(sku: model, model: model, price: unitPrice, units: ExactDecimal(1), amount: unitPrice))
        }
        if searchesWeb {
            let price = ExactDecimal(micros: 10_000)
            lines.append(
                Line(
                    sku: "search-augmentation", model: "search-augmentation", unit: "unit", price: price,
                    units: ExactDecimal(1), amount: price))
        }
        return lines
    }

    /// Its rows, in order of time.
    var rows: [VeniceBillingRow] {
        lines.enumerated().map { index, line in
            VeniceBillingRow(
                timestamp: time + rowSpacing * index, sku: line.sku, model: line.model, unit: line.unit,
                modelType: line.model == billedModel ? modelType : nil, price: line.price, units: line.units,
                amount: -line.amount, currency: currency,
                notes: work == .subscription ? "Monthly plan" : "API Inference", keyID: keyID,
                inference: hasDetails && work != .subscription ? self : nil,
                visibleFrom: max(visibleFrom, time + rowSpacing * index))
        }
    }
}

struct VeniceBillingRow: Sendable, Hashable {
    let timestamp: Timestamp
    let sku: String
    /// The model of the SKU, which the exporter has to derive.
    let model: String
    /// The unit of the SKU; nil for tokens and subscriptions.
    let unit: String?
    /// Nil if the row belongs to no model.
    let modelType: String?
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
