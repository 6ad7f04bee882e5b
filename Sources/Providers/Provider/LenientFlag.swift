import Upstream

/// A Boolean in any of the forms that APIs use: `true`, `"true"`, `1`.
struct LenientFlag: Decodable {
    let value: Bool

    /// Decodes a flag.
    ///
    /// - Throws: `DecodingError` for any other value.
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            value = flag
            return
        }
        switch (try? LenientString(from: decoder))?.value.lowercased() {
        case "true", "1": value = true
        case "false", "0": value = false
        default:
            throw DecodingError.typeMismatch(
                Bool.self, .init(codingPath: decoder.codingPath, debugDescription: "Expected a flag"))
        }
    }
}
