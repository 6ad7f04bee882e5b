import Foundation
import UsageModel

/// A text that some APIs write as a number: identifiers, codes.
public struct LenientString: Decodable, Sendable, Hashable {
    /// The text.
    public let value: String

    /// A text.
    public init(_ value: String) {
        self.value = value
    }

    /// Reads a string, or a number in its plain decimal digits.
    ///
    /// - Throws: `DecodingError` for any other value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            value = text
        } else if let whole = try? container.decode(Int.self) {
            value = String(whole)
        } else if let number = try? container.decode(Decimal.self), number.isFinite {
            value = number.description
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
public struct LenientTimestamp: Decodable, Sendable, Hashable {
    /// The moment.
    public let value: Timestamp

    /// A moment.
    public init(_ value: Timestamp) {
        self.value = value
    }

    /// Reads text or a number.
    ///
    /// - Throws: `DecodingError` for any other value.
    public init(from decoder: any Decoder) throws {
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
        return Timestamp(milliseconds: Int64((seconds * 1000).rounded()))
    }
}

/// A list that some APIs leave out or write as null where it is empty.
///
/// Its elements are strict: an element that cannot be read fails the whole document, since usage must not get lost.
public struct LenientArray<Element: Decodable>: Decodable {
    /// The elements; none where the answer had no list.
    public let values: [Element]

    /// A list.
    public init(_ values: [Element]) {
        self.values = values
    }

    /// Reads a list or null.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        values = container.decodeNil() ? [] : try container.decode([Element].self)
    }
}

/// A list that must be there, if only as null: an answer of another form must not read as one without usage, which would
/// take back what was counted.
public struct RequiredArray<Element: Decodable>: Decodable {
    /// The elements; none where the list is null.
    public let values: [Element]

    /// Reads a list or null.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        values = container.decodeNil() ? [] : try container.decode([Element].self)
    }
}

extension LenientArray: Sendable where Element: Sendable {}
extension LenientArray: Equatable where Element: Equatable {}
extension LenientArray: Hashable where Element: Hashable {}

extension KeyedDecodingContainer {
    /// Reads a list that may be missing: what the compiler writes for a `LenientArray` property calls this.
    public func decode<Element>(
        _ type: LenientArray<Element>.Type, forKey key: Key
    ) throws -> LenientArray<Element> {
        try decodeIfPresent(type, forKey: key) ?? LenientArray([])
    }
}
