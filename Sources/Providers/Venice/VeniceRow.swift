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

/// The parts of a SKU: a model and a unit, joined by a hyphen (`zai-org-glm-5-1-llm-output-mtoken`).
///
/// SKUs are an open set. If the unit is unknown, the whole SKU is the model.
struct VeniceSKU: Hashable {
    enum Kind: Int, Hashable {
        /// A service that a request uses in addition to its model, such as web search.
        case extra
        /// Images, video, or other work that is not counted in tokens.
        case work
        /// Tokens of a model.
        case tokens
        /// Tokens of a prompt that were read from the cache.
        case cacheInput
        /// Tokens of a prompt that were written to the cache.
        case cacheWrite
    }

    /// The full id of the model.
    let model: String
    let kind: Kind
    /// The label `unit` of `units`; nil for tokens, for subscriptions, and for cache writes without a unit.
    let unit: String?
    /// Whether the SKU is a subscription, which does not count as a request.
    let isSubscription: Bool

    /// Units by the suffix of the SKU. A longer suffix comes before one that it ends with.
    static let suffixes: [(suffix: String, kind: Kind, unit: String?)] = [
        ("-llm-cache-input-mtoken", .cacheInput, nil),
        // The time that the cache keeps the tokens changes only their price.
        ("-llm-cache-write-5m-mtoken", .cacheWrite, nil),
        ("-llm-cache-write-1h-mtoken", .cacheWrite, nil),
        ("-llm-cache-write-mtoken", .cacheWrite, nil),
        ("-llm-input-mtoken", .tokens, nil),
        ("-llm-output-mtoken", .tokens, nil),
        ("-mtoken", .tokens, nil),
        ("-image-unit", .work, "image"),
        ("-request", .work, "request"),
    ]

    /// SKU prefixes of services that a request uses in addition to its model.
    static let extras = ["search-augmentation", "web-search", "websearch"]

    /// Words in `sku` or `notes` of charges for a plan.
    static let subscriptionWords = ["subscription", "membership"]

    /// The unit of a SKU that names none.
    static let plainUnit = "unit"

    init(_ sku: String) {
        let known = Self.suffixes.first { sku.utf8.count > $0.suffix.utf8.count && sku.hasSuffix($0.suffix) }
        // Truncated after the unit was removed, because truncation would cut off the unit.
        model = LongName.bounded(known.map { String(sku.dropLast($0.suffix.count)) } ?? sku)
        let isExtra = Self.extras.contains { sku.hasPrefix($0) }
        kind = isExtra ? .extra : known?.kind ?? .work
        isSubscription = Self.isSubscription(sku)
        if let known {
            unit = known.unit
        } else if isSubscription || sku.contains("-cache-write") {
            unit = nil
        } else {
            unit = isExtra ? Self.plainUnit : Self.lastWord(of: sku) ?? Self.plainUnit
        }
    }

    /// The priority by which a row determines the model of its request: tokens over other work over extra services.
    var rank: Int { min(kind.rawValue, Kind.tokens.rawValue) }

    /// Returns whether a text is that of a charge for a plan.
    static func isSubscription(_ text: String) -> Bool {
        let text = text.lowercased()
        return subscriptionWords.contains(where: text.contains)
    }

    /// Returns the text after the last hyphen as a unit (`minute`, `character`); nil if it is not a word of letters,
    /// such as a resolution.
    private static func lastWord(of sku: String) -> String? {
        let parts = sku.split(separator: "-")
        guard parts.count > 1, let last = parts.last, last.utf8.count <= 20, last.allSatisfy(\.isLetter) else {
            return nil
        }
        return last.lowercased()
    }
}
