import UsageModel
import Upstream

/// A line of Venice.ai's billing: one charge, or money that came in. Both billing endpoints write it alike.
///
/// Left out: `pricePerUnitUsd`, since `amount` is the charge (units × price is off by a factor of 100 in the vendor's own
/// example), and since it is the price of a kind of token rather than of a model it fits no price gauge either.
struct VeniceRow: Decodable, Hashable {
    /// What an inference was; its rows repeat it. Null for what is no inference.
    struct Details: Decodable, Hashable {
        let requestId: LenientString?
        /// Of the whole prompt, what came from the cache included.
        let promptTokens: VeniceCount?
        let completionTokens: VeniceCount?
        /// Milliseconds.
        let inferenceExecutionTime: VeniceCount?
    }

    /// Without it a row belongs to no hour: this and `amount` are the fields that every row must have.
    let timestamp: LenientTimestamp
    let sku: LenientString?
    /// Millions of tokens in the SKUs that end in `mtoken`.
    let units: LenientDecimal?
    /// As the documentation's list of fields calls `units`.
    let unit: LenientDecimal?
    /// Negative for a charge, positive for money that came in, in `currency`. A row without it is a charge of
    /// unknown height: its hour is not whole.
    let amount: LenientDecimal
    let currency: LenientString?
    let notes: LenientString?
    let inferenceDetails: Details?
}

/// A number that is nearly always whole. Tried as such first, since that costs a fraction of reading a decimal and there
/// are three of them in a row.
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
    /// Whether the row says which inference it belongs to, so that a repetition is distinguished from a second charge.
    var isIdentified: Bool { inferenceDetails?.requestId?.whole.isEmpty == false }
}
