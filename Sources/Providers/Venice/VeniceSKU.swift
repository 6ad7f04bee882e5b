import Upstream

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
