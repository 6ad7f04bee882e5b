import Foundation
import UsageModel

/// A number in any of the ways APIs write it: a JSON number or a numeric string. Exact: it never passes through a
/// `Double`.
///
/// `Decimal` holds 38 digits, and `ExactDecimal` 20 after the point. Numbers past ±10¹⁵ are refused, and so are the words
/// `NaN` and `Infinity`: no account has a million billion of anything, and a counter would never come down from it.
package struct LenientDecimal: Decodable, Sendable, Hashable {
    /// The number.
    package let value: ExactDecimal

    /// A number.
    package init(_ value: ExactDecimal) {
        self.value = value
    }

    /// Reads a JSON number or a numeric string.
    ///
    /// - Throws: `DecodingError` for any other value.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let found: String
        // Numbers first: they are by far the most, and an attempt at the wrong type costs more than the reading.
        if let number = try? container.decode(Decimal.self) {
            if number.isFinite, let value = ExactDecimal(number), Self.isPlausible(value) {
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

extension ExactDecimal {
    private static let largestSignificand = Decimal(UInt64.max)

    /// Converts without the number's text, which costs forty times as much, where its digits fit a machine word.
    fileprivate init?(_ number: Decimal) {
        let significand = number.significand
        if significand <= Self.largestSignificand,
            let value = ExactDecimal(
                significand: NSDecimalNumber(decimal: significand).uint64Value, exponent: number.exponent,
                isNegative: number.isSignMinus)
        {
            self = value
        } else {
            self.init(number.description)
        }
    }
}

extension LenientDecimal {
    private static let largest = 1_000_000_000_000_000

    /// Whether an account can have so much of something: what is past ±10¹⁵ is a wrong number.
    package static func isPlausible(_ number: Int) -> Bool { (-largest...largest).contains(number) }

    /// Whether an account can have so much of something.
    package static func isPlausible(_ number: ExactDecimal) -> Bool { number.magnitude <= ExactDecimal(largest) }
}

/// A whole number in any of the ways APIs write it: `12`, `"12"` or `12.0`; `12.5` is refused, and so is what is past
/// ±10¹⁵, as with ``LenientDecimal``.
package struct LenientInt: Decodable, Sendable, Hashable {
    /// The number.
    package let value: Int

    /// A whole number.
    package init(_ value: Int) {
        self.value = value
    }

    /// Reads a JSON number without a fraction, or a string that holds one.
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
        // What remains is a number that `Decimal` cannot hold.
        return "a number out of range"
    }

    /// Any value at all.
    private struct AnyValue: Decodable {
        init(from decoder: any Decoder) {}
    }
}

/// A text that some APIs write as a number: identifiers, codes.
package struct LenientString: Decodable, Sendable, Hashable {
    /// The text as it came, however long: for what is sent back as it is, such as cursors.
    package let whole: String

    /// The text, at a length that a label can have (``LongName``).
    package var value: String { LongName.bounded(whole) }

    /// A text.
    package init(_ text: String) {
        whole = text
    }

    /// Reads a string, or a number in its plain decimal digits.
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

/// A moment in any of the ways APIs write it: RFC 3339 text, a bare date (its midnight, UTC), seconds or milliseconds
/// since the Unix epoch as a number or a numeric string.
///
/// Numbers below 10¹¹ are seconds (that is the year 5138), others milliseconds; what lies before 1970 or after 9999 is
/// refused.
package struct LenientTimestamp: Decodable, Sendable, Hashable {
    /// The moment.
    package let value: Timestamp

    /// A moment.
    package init(_ value: Timestamp) {
        self.value = value
    }

    /// Reads text or a number.
    ///
    /// - Throws: `DecodingError` for any other value.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self), let moment = Timestamp(text.trimmingWhitespace()) {
            value = moment
            return
        }
        guard let number = try? LenientDecimal(from: decoder).value else {
            let isText = (try? container.decode(String.self)) != nil
            throw JSONMismatch.error(
                at: decoder.codingPath, expected: Self.expected,
                found: isText ? "text that is neither" : JSONKind.found(in: container))
        }
        guard let moment = Self.moment(sinceEpoch: number) else {
            throw JSONMismatch.error(at: decoder.codingPath, expected: Self.expected, found: "a number out of range")
        }
        value = moment
    }

    private static let expected = "a date and time (RFC 3339) or seconds since 1970"

    /// The last second of the year 9999.
    private static let lastSecond = 253_402_300_799.0

    private static func moment(sinceEpoch number: ExactDecimal) -> Timestamp? {
        // Whole milliseconds are wanted: a Double holds them exactly up to the year 287396.
        let written = number.doubleValue
        let seconds = written < 1e11 ? written : written / 1000
        guard seconds >= 0, seconds <= lastSecond else { return nil }
        return Timestamp(milliseconds: Int64(saturating: (seconds * 1000).rounded()))
    }
}

/// A list, refused before its elements are read where it is longer than any that is honest: a million models are a
/// million series, and a reader's memory.
package struct BoundedArray<Element: Decodable>: Decodable {
    /// The elements.
    package let values: [Element]

    /// Reads a list.
    ///
    /// - Throws: `DecodingError` for any other value, and for a list of more than `longestArray` elements.
    package init(from decoder: any Decoder) throws {
        if let count = try decoder.unkeyedContainer().count, count > longestArray {
            throw JSONMismatch.error(
                at: decoder.codingPath, expected: "a list of at most \(longestArray)", found: "one of \(count)")
        }
        values = try decoder.singleValueContainer().decode([Element].self)
    }
}

/// The most elements of one list in an answer: models, keys, days, the rows of a page.
package let longestArray = 10_000

/// A list that some APIs leave out or write as null where it is empty.
///
/// Its elements are strict: an element that cannot be read fails the whole document, since usage must not get lost.
package struct LenientArray<Element: Decodable>: Decodable {
    /// The elements; none where the answer had no list.
    package let values: [Element]

    /// A list.
    package init(_ values: [Element]) {
        self.values = values
    }

    /// Reads a list or null.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        values = container.decodeNil() ? [] : try BoundedArray<Element>(from: decoder).values
    }
}

/// A list that must be there, if only as null: an answer of another form must not read as one without usage, which would
/// take back what was counted.
package struct RequiredArray<Element: Decodable>: Decodable {
    /// The elements; none where the list is null.
    package let values: [Element]

    /// Reads a list or null.
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
    /// Reads a list that may be missing: what the compiler writes for a `LenientArray` property calls this.
    package func decode<Element>(
        _ type: LenientArray<Element>.Type, forKey key: Key
    ) throws -> LenientArray<Element> {
        try decodeIfPresent(type, forKey: key) ?? LenientArray([])
    }
}
