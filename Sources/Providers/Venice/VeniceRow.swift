import Upstream
import UsageModel

/// A row of Venice.ai's billing: one charge, or money that came in. Both billing endpoints use the same format.
///
/// Not read: `pricePerUnitUsd`. The charge is `amount` (units × price is off by a factor of 100 in the vendor's own
/// example), and the price of a kind of token is not the price of a model, so it fits no price gauge.
struct VeniceRow: Decodable, Hashable {
    /// The inference of a row; all its rows repeat it. Null if the row belongs to no inference.
    struct Details: Decodable, Hashable {
        let requestId: LenientString?
        /// Tokens of the whole prompt, including cached ones.
        let promptTokens: VeniceCount?
        let completionTokens: VeniceCount?
        /// Milliseconds.
        let inferenceExecutionTime: VeniceCount?
    }

    /// Required, because it determines the hour. Only this and `amount` are required.
    let timestamp: LenientTimestamp
    let sku: LenientString?
    /// Millions of tokens for SKUs that end in `mtoken`.
    let units: LenientDecimal?
    /// The name of `units` in the documentation's list of fields.
    let unit: LenientDecimal?
    /// Negative for a charge, positive for money that came in, in `currency`. Required, because a charge of unknown
    /// amount would make its hour incomplete.
    let amount: LenientDecimal
    let currency: LenientString?
    let notes: LenientString?
    let inferenceDetails: Details?
}

/// A number that is nearly always whole. `Int` is tried first because it decodes faster; a row has three of them.
struct VeniceCount: Decodable, Hashable {
    let value: ExactDecimal

    init(from decoder: any Decoder) throws {
        if let whole = try? decoder.singleValueContainer().decode(Int.self) {
            value = ExactDecimal(whole)
        } else {
            value = try LenientDecimal(from: decoder).value
        }
    }
}

extension VeniceRow {
    /// Whether the row has the id of its inference, which distinguishes a repetition from a second charge.
    var isIdentified: Bool { inferenceDetails?.requestId?.whole.isEmpty == false }
}

/// A timestamp that may be an empty string if there is none.
struct VeniceMoment: Decodable {
    let value: Timestamp?

    init(from decoder: any Decoder) throws {
        let text = try? decoder.singleValueContainer().decode(String.self)
        value = text?.isEmpty == true ? nil : try LenientTimestamp(from: decoder).value
    }
}
