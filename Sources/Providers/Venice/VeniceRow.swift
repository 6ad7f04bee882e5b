import Upstream
import UsageModel

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

/// What a SKU says: a model and a unit, joined by a hyphen (`zai-org-glm-5-1-llm-output-mtoken`).
///
/// SKUs are an open set: one whose unit is unknown is a model as a whole.
struct VeniceSKU: Hashable {
    enum Kind: Int, Hashable {
        /// A service that a request uses beside its model: searching the web.
        case extra
        /// Images, video, anything that is not counted in tokens.
        case work
        /// Tokens of a model.
        case tokens
        /// Tokens of a prompt that came from the cache.
        case cacheInput
    }

    /// The model's id, unshortened.
    let model: String
    let kind: Kind

    /// Units by the end of the SKU, a longer one before one that it ends in.
    static let units: [(suffix: String, kind: Kind)] = [
        ("-llm-cache-input-mtoken", .cacheInput),
        // What is written to the cache is part of the prompt, not read from the cache.
        ("-llm-cache-write-5m-mtoken", .tokens),
        ("-llm-cache-write-1h-mtoken", .tokens),
        ("-llm-cache-write-mtoken", .tokens),
        ("-llm-input-mtoken", .tokens),
        ("-llm-output-mtoken", .tokens),
        ("-mtoken", .tokens),
        ("-image-unit", .work),
        ("-request", .work),
    ]

    /// The services that a request uses beside its model, by how their SKUs begin.
    static let extras = ["search-augmentation", "web-search", "websearch"]

    init(_ sku: String) {
        let unit = Self.units.first { sku.utf8.count > $0.suffix.utf8.count && sku.hasSuffix($0.suffix) }
        // Held to its length only now: an end that is cut off would not tell the unit.
        model = LongName.bounded(unit.map { String(sku.dropLast($0.suffix.count)) } ?? sku)
        kind = Self.extras.contains { sku.hasPrefix($0) } ? .extra : unit?.kind ?? .work
    }

    /// Which row of a request names its model: one of tokens before one of other work before a service beside it.
    var rank: Int { kind == .cacheInput ? Kind.tokens.rawValue : kind.rawValue }
}

/// A moment that may be written as an empty text where there is none.
struct VeniceMoment: Decodable {
    let value: Timestamp?

    init(from decoder: any Decoder) throws {
        let text = try? decoder.singleValueContainer().decode(String.self)
        value = text?.isEmpty == true ? nil : try LenientTimestamp(from: decoder).value
    }
}
