import UsageModel

/// Expected totals for tests, counted from the inferences themselves, not from responses.
package struct VeniceTruth: Sendable, Hashable {
    /// USD by model.
    package private(set) var cost: [String: ExactDecimal] = [:]
    /// Charges in other currencies by model and lower-case currency.
    package private(set) var credits: [[String]: ExactDecimal] = [:]
    /// Requests by model.
    package private(set) var requests: [String: Int] = [:]
    /// Tokens by model and type.
    package private(set) var tokens: [[String]: Int] = [:]
    /// Quantities that are not tokens, by model and unit.
    package private(set) var units: [[String]: ExactDecimal] = [:]
    /// Durations in milliseconds by model.
    package private(set) var durations: [String: [Int]] = [:]
    package private(set) var topups = ExactDecimal.zero
    package private(set) var refunds = ExactDecimal.zero
    /// Refunds in other currencies by model and lower-case currency.
    package private(set) var creditsRefunded: [[String]: ExactDecimal] = [:]
    /// USD, bundled credits included, by lower-case `modelType` (empty: no type).
    package private(set) var modalityCost: [String: ExactDecimal] = [:]
    /// USD, bundled credits included, by the key's id (empty: the web app).
    package private(set) var keyCost: [String: ExactDecimal] = [:]
    /// DIEM by the key's id.
    package private(set) var keyDiem: [String: ExactDecimal] = [:]

    init() {}

    mutating func add(_ charge: VeniceCharge) {
        for row in charge.rows {
            let paid = -row.amount
            if charge.currency == "USD" {
                cost[row.model, default: .zero] += paid
            } else {
                credits[[row.model, charge.currency.lowercased()], default: .zero] += paid
            }
            if let unit = row.unit { units[[row.model, unit], default: .zero] += row.units }
            switch charge.currency {
            case "USD", "BUNDLED_CREDITS":
                keyCost[charge.keyID ?? "", default: .zero] += paid
                modalityCost[row.modelType?.lowercased() ?? "", default: .zero] += paid
            case "DIEM": keyDiem[charge.keyID ?? "", default: .zero] += paid
            default: break
            }
        }
        guard charge.work != .subscription else { return }
        guard charge.hasDetails else {
            for row in charge.rows { requests[row.model, default: 0] += 1 }
            return
        }
        let model = charge.billedModel
        requests[model, default: 0] += 1
        if let time = charge.milliseconds { durations[model, default: []].append(time) }
        if case .tokens(let prompt, let cached, let completion) = charge.work {
            tokens[[charge.model, "input"], default: 0] += prompt - cached - charge.cacheWritten
            tokens[[charge.model, "output"], default: 0] += completion
            if cached > 0 { tokens[[charge.model, "cache_input"], default: 0] += cached }
            if charge.cacheWritten > 0 { tokens[[charge.model, "cache_write"], default: 0] += charge.cacheWritten }
        }
    }

    mutating func add(_ income: VeniceIncome) {
        guard income.currency == "USD" else {
            if income.isRefund {
                creditsRefunded[[income.row.model, income.currency.lowercased()], default: .zero] += income.amount
            }
            return
        }
        if income.isRefund { refunds += income.amount } else { topups += income.amount }
    }
}

/// A top-up or refund of a simulated account.
package struct VeniceIncome: Sendable, Hashable {
    package let time: Timestamp
    /// The amount in `currency`.
    package let amount: ExactDecimal
    package let currency: String
    package let isRefund: Bool
    /// The inference that is refunded; nil for others.
    private let refunded: VeniceCharge?

    package init(time: Timestamp, amount: ExactDecimal, currency: String = "USD", isRefund: Bool = false) {
        self.time = time
        self.amount = amount
        self.currency = currency
        self.isRefund = isRefund
        refunded = nil
    }

    /// Refunds the first row of an inference in its own currency.
    package init(refunding charge: VeniceCharge, at time: Timestamp) {
        self.time = time
        amount = charge.rows.first.map { -$0.amount } ?? .zero
        currency = charge.currency
        isRefund = true
        refunded = charge
    }

    var row: VeniceBillingRow {
        let charged = refunded?.rows.first
        let sku = charged?.sku ?? (isRefund ? "usd-refund" : "usd-credit-purchase")
        return VeniceBillingRow(
            timestamp: time, sku: sku, model: charged?.model ?? sku, unit: nil, modelType: nil,
            price: charged?.price ?? ExactDecimal(1), units: charged?.units ?? amount, amount: amount,
            currency: currency, notes: isRefund ? "Refund" : "Credit purchase", keyID: nil,
            inference: charged?.inference, visibleFrom: time)
    }
}

/// Derives charges from a generator's events: a pure function, so the same in every run.
package struct VeniceTraffic: Sendable {
    /// The first hour of the traffic.
    package var start: Timestamp { generator.start }

    private let generator: TrafficGenerator
    private let keyIDs: [String?]

    /// Traffic of an account with these keys; nil stands for the web app. Models with the modality `text` are charged
    /// by tokens, all others by image.
    package init(generator: TrafficGenerator, keyIDs: [String?]) {
        self.generator = generator
        self.keyIDs = keyIDs
    }

    func charges(inHourOf time: Timestamp) -> [VeniceCharge] {
        generator.events(inHourOf: time).filter(\.succeeded).enumerated().map { index, event in
            var random = SplitMix64(
                seed: SplitMix64.mixed(UInt64(bitPattern: event.time.milliseconds)) ^ UInt64(index))
            let isText = event.modality == "text"
            let prompt = 150 + random.below(4000)
            let cached = random.below(3) == 0 ? prompt / 2 : 0
            let completion = 40 + random.below(1200)
            var charge = VeniceCharge(
                id: "chatcmpl-\(event.time.milliseconds)-\(index)", time: event.time, model: event.model,
                work: isText ? .tokens(prompt: prompt, cached: cached, completion: completion) : .images(1),
                unitPrice: event.unitPrice)
            // The daily DIEM is used up first, then the plan's credits, then money.
            charge.currency = ["DIEM", "DIEM", "BUNDLED_CREDITS", "USD", "USD", "USD", "USD"][random.below(7)]
            charge.keyID = keyIDs.isEmpty ? nil : keyIDs[random.below(keyIDs.count)]
            charge.milliseconds = isText ? 300 + completion * 9 + random.below(800) : 2500 + random.below(9000)
            charge.searchesWeb = isText && random.below(12) == 0
            charge.visibleFrom = event.visibleFrom
            return charge
        }
    }
}
