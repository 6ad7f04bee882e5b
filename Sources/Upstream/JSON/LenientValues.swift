import Foundation
import UsageModel

/// Decodes a JSON number or a numeric string exactly, without conversion to `Double`.
///
/// `Decimal` has 38 digits, `ExactDecimal` 20 after the point. Numbers past ±10¹⁵, `NaN` and `Infinity` are rejected: no
/// account has such a value, and a counter could never decrease from it.
package struct LenientDecimal: Decodable, Sendable, Hashable {
    package let value: ExactDecimal

    package init(_ value: ExactDecimal) {
        self.value = value
    }

    /// Decodes a JSON number or a numeric string.
    ///
    /// - Throws: `DecodingError` for any other value.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let found: String
        // Try the most frequent type first: an attempt at the wrong type costs more than the decoding.
        if let number = try? container.decode(Decimal.self) {
            if number.isFinite, let value = ExactDecimal(number), Self.isPlausible(value) {
                self.value = value
                return
            }
            found = "a number out of range"
        } else if let text = try? container.decode(String.self) {
            let digits = text.trimmingWhitespace()
            let value = ExactDecimal(digits)
            if let value, Self.isPlausible(value) {
                self.value = value
                return
            }
            // `ExactDecimal` does not represent `1e300`; `Double` would also read `NaN` and `0x1p3`.
            let isNumber = value != nil || Double(digits) != nil && digits.allSatisfy("0123456789+-.eE".contains)
            found = isNumber ? "a number out of range" : "non-numeric text"
        } else {
            found = JSONKind.found(in: container)
        }
        throw JSONMismatch.error(at: decoder.codingPath, expected: "a number", found: found)
    }
}

extension ExactDecimal {
    private static let largestSignificand = Decimal(UInt64.max)

    /// Converts numbers with a significand of 64 bits without their text, which would cost forty times as much.
    fileprivate init?(_ number: Decimal) {
        let significand = number.magnitude.significand
        let integer =
            significand <= Self.largestSignificand ? NSDecimalNumber(decimal: significand).uint64Value : nil
        // Not every version of Foundation converts all 64 bits.
        if let integer, Decimal(integer) == significand,
            let value = ExactDecimal(
                significand: integer, exponent: number.exponent, isNegative: number.isSignMinus)
        {
            self = value
        } else {
            self.init(number.description)
        }
    }
}

extension LenientDecimal {
    private static let largest = 1_000_000_000_000_000

    /// Whether a number is plausible as a usage value: at most ±10¹⁵.
    package static func isPlausible(_ number: Int) -> Bool { (-largest...largest).contains(number) }

    /// Whether a number is plausible as a usage value: at most ±10¹⁵.
    package static func isPlausible(_ number: ExactDecimal) -> Bool { number.magnitude <= ExactDecimal(largest) }
}

/// Decodes a whole number written as `12`, `"12"` or `12.0`; rejects `12.5` and, as ``LenientDecimal``, numbers past
/// ±10¹⁵.
package struct LenientInt: Decodable, Sendable, Hashable {
    package let value: Int

    package init(_ value: Int) {
        self.value = value
    }

    /// Decodes a JSON number without a fraction, or a string with one.
    ///
    /// - Throws: `DecodingError` for any other value, and for one that `Int` cannot hold.
    package init(from decoder: any Decoder) throws {
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
        // A number that `Decimal` cannot represent.
        return "a number out of range"
    }

    private struct AnyValue: Decodable {
        init(from decoder: any Decoder) {}
    }
}

/// Decodes text that some APIs write as a number: identifiers, codes.
package struct LenientString: Decodable, Sendable, Hashable {
    /// The unbounded text, for values that are sent back to the API, such as cursors.
    package let whole: String

    /// The text, bounded for use as a label value (``LongName``).
    package var value: String { LongName.bounded(whole) }

    package init(_ text: String) {
        whole = text
    }

    /// Decodes a string, or a number as its decimal digits.
    ///
    /// - Throws: `DecodingError` for any other value.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            whole = text
        } else if let number = try? container.decode(Int.self) {
            whole = String(number)
        } else if let number = try? container.decode(Decimal.self), number.isFinite {
            whole = number.description
        } else {
            throw JSONMismatch.error(
                at: decoder.codingPath, expected: "text or a number", found: JSONKind.found(in: container))
        }
    }
}

/// Decodes a timestamp: RFC 3339 text, a date without time (its midnight, UTC), or seconds or milliseconds since the
/// Unix epoch as a number or a numeric string.
///
/// Numbers below 10¹¹ are seconds (up to the year 5138), others milliseconds. Times before 1970 or after 9999 are
/// rejected.
package struct LenientTimestamp: Decodable, Sendable, Hashable {
    package let value: Timestamp

    package init(_ value: Timestamp) {
        self.value = value
    }

    /// Decodes text or a number.
    ///
    /// - Throws: `DecodingError` for any other value.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self), let time = Timestamp(text.trimmingWhitespace()) {
            value = time
            return
        }
        guard let number = try? LenientDecimal(from: decoder).value else {
            let isText = (try? container.decode(String.self)) != nil
            throw JSONMismatch.error(
                at: decoder.codingPath, expected: Self.expected,
                found: isText ? "other text" : JSONKind.found(in: container))
        }
        guard let time = Self.time(sinceEpoch: number) else {
            throw JSONMismatch.error(at: decoder.codingPath, expected: Self.expected, found: "a number out of range")
        }
        value = time
    }

    private static let expected = "a date and time (RFC 3339) or seconds since 1970"

    /// The last second of the year 9999.
    private static let lastSecond = 253_402_300_799.0

    private static func time(sinceEpoch number: ExactDecimal) -> Timestamp? {
        // A Double represents whole milliseconds exactly up to the year 287396.
        let written = number.doubleValue
        let seconds = written < 1e11 ? written : written / 1000
        guard seconds >= 0, seconds <= lastSecond else { return nil }
        return Timestamp(milliseconds: Int64(saturating: (seconds * 1000).rounded()))
    }
}

/// Decodes a list of bounded length. A longer one is rejected before its elements are decoded: a million models would
/// be a million series.
package struct BoundedArray<Element: Decodable>: Decodable {
    package let values: [Element]

    /// Decodes a list.
    ///
    /// - Throws: `DecodingError` for any other value, and for a list of more than `longestArray` elements.
    package init(from decoder: any Decoder) throws {
        if let count = try decoder.unkeyedContainer().count, count > longestArray {
            throw JSONMismatch.error(
                at: decoder.codingPath, expected: "a list of at most \(longestArray)", found: "a list of \(count)")
        }
        values = try decoder.singleValueContainer().decode([Element].self)
    }
}

/// The maximum length of a list in a response: models, keys, days, the rows of a page.
package let longestArray = 10_000

/// Decodes a list that some APIs omit or write as null if it is empty.
///
/// Its elements are strict: an invalid element fails the whole document, because usage must not be lost.
package struct LenientArray<Element: Decodable>: Decodable {
    /// The elements; empty if the response has no list.
    package let values: [Element]

    package init(_ values: [Element]) {
        self.values = values
    }

    /// Decodes a list or null.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        values = container.decodeNil() ? [] : try BoundedArray<Element>(from: decoder).values
    }
}

/// Decodes a list that is required, if only as null: a response of another form must not decode as one without usage,
/// which would undo what was counted.
package struct RequiredArray<Element: Decodable>: Decodable {
    /// The elements; empty if the list is null.
    package let values: [Element]

    /// Decodes a list or null.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        values = container.decodeNil() ? [] : try BoundedArray<Element>(from: decoder).values
    }
}

extension BoundedArray: Sendable where Element: Sendable {}
extension LenientArray: Sendable where Element: Sendable {}
extension LenientArray: Equatable where Element: Equatable {}
extension LenientArray: Hashable where Element: Hashable {}

extension KeyedDecodingContainer {
    /// Decodes a list that may be missing; called by synthesized `Decodable` conformances.
    package func decode<Element>(
        _ type: LenientArray<Element>.Type, forKey key: Key
    ) throws -> LenientArray<Element> {
        try decodeIfPresent(type, forKey: key) ?? LenientArray([])
    }
}
