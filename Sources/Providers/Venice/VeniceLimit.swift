import Upstream

/// A limit: a number; negative where there is no limit.
struct VeniceLimit: Decodable {
    /// Nil where there is no limit.
    let value: Double?

    init(from decoder: any Decoder) throws {
        let number = try LenientDecimal(from: decoder).value
        value = number.isNegative ? nil : number.doubleValue
    }
}
