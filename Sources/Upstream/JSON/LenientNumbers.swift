import Foundation
import UsageModel

/// A number in any of the ways APIs write it: a JSON number or a numeric string. Exact: it never passes through a
/// `Double`.
///
/// `Decimal` holds 38 digits, and `ExactDecimal` 20 after the point. Numbers past ±10¹⁵ are refused, and so are the words
/// `NaN` and `Infinity`: no account has a million billion of anything, and a counter would never come down from it.
public struct LenientDecimal: Decodable, Sendable, Hashable {
    /// The number.
    public let value: ExactDecimal

    /// A number.
    public init(_ value: ExactDecimal) {
        self.value = value
    }

    /// Reads a JSON number or a numeric string.
    ///
    /// - Throws: `DecodingError` for any other value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let found: String
        // Numbers first: they are by far the most, and an attempt at the wrong type costs more than the reading.
        if let number = try? container.decode(Decimal.self) {
            if number.isFinite, let value = ExactDecimal(number.description), Self.isPlausible(value) {
                self.value = value
                return
            }
            found = "a number out of range"
        } else if let text = try? container.decode(String.self) {
            let value = ExactDecimal(text.trimmingWhitespace())
            if let value, Self.isPlausible(value) {
                self.value = value
                return
            }
            found = value == nil ? "text that is not one" : "a number out of range"
        } else {
            found = JSONKind.found(in: container)
        }
        throw JSONMismatch.error(at: decoder.codingPath, expected: "a number", found: found)
    }
}

extension LenientDecimal {
    private static let largest = 1_000_000_000_000_000

    /// Whether an account can have so much of something: what is past ±10¹⁵ is a wrong number.
    public static func isPlausible(_ number: Int) -> Bool { (-largest...largest).contains(number) }

    /// Whether an account can have so much of something.
    public static func isPlausible(_ number: ExactDecimal) -> Bool { number.magnitude <= ExactDecimal(largest) }
}

/// A whole number in any of the ways APIs write it: `12`, `"12"` or `12.0`; `12.5` is refused, and so is what is past
/// ±10¹⁵, as with ``LenientDecimal``.
public struct LenientInt: Decodable, Sendable, Hashable {
    /// The number.
    public let value: Int

    /// A whole number.
    public init(_ value: Int) {
        self.value = value
    }

    /// Reads a JSON number without a fraction, or a string that holds one.
    ///
    /// - Throws: `DecodingError` for any other value, and for one that `Int` cannot hold.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Int.self), LenientDecimal.isPlausible(value) {
            self.value = value
            return
        }
        if let text = try? container.decode(String.self), let value = Int(text.trimmingWhitespace()),
            LenientDecimal.isPlausible(value)
        {
            self.value = value
            return
        }
        let decimal: LenientDecimal
        do {
            decimal = try LenientDecimal(from: decoder)
        } catch let DecodingError.dataCorrupted(context) {
            let found = (context.underlyingError as? JSONMismatch)?.found ?? JSONKind.found(in: container)
            throw JSONMismatch.error(at: decoder.codingPath, expected: "a whole number", found: found)
        }
        guard let value = decimal.value.wholeNumber else {
            throw JSONMismatch.error(
                at: decoder.codingPath, expected: "a whole number", found: "a number with a fraction")
        }
        self.value = value
    }
}

/// The kind of a JSON value, for messages.
enum JSONKind {
    static func found(in container: any SingleValueDecodingContainer) -> String {
        if container.decodeNil() { return "null" }
        if (try? container.decode(Bool.self)) != nil { return "true or false" }
        if (try? container.decode(String.self)) != nil { return "text" }
        if (try? container.decode([AnyValue].self)) != nil { return "a list" }
        if (try? container.decode([String: AnyValue].self)) != nil { return "an object" }
        // What remains is a number that `Decimal` cannot hold.
        return "a number out of range"
    }

    /// Any value at all.
    private struct AnyValue: Decodable {
        init(from decoder: any Decoder) {}
    }
}
