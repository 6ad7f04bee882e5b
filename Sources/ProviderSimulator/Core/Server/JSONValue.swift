import Foundation
import UsageModel

/// A JSON document that keeps the order of members and stores numbers as exact decimals.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number, written with all of its decimal digits and never through a `Double`.
    case number(ExactDecimal)
    case string(String)
    case array([JSONValue])
    /// An object, its members in the order in which they are written.
    case object([Member])

    package struct Member: Sendable, Hashable {
        package let name: String
        package let value: JSONValue

        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// An integer.
    package static func count(_ whole: Int) -> JSONValue { .number(ExactDecimal(whole)) }

    /// The first member with that name; nil if this is not an object or has no such member.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The text if this is a string.
    package var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The number if this is one.
    package var number: ExactDecimal? {
        guard case .number(let number) = self else { return nil }
        return number
    }

    /// The elements if this is an array.
    package var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }
}

extension JSONValue: ExpressibleByDictionaryLiteral {
    /// An object whose members keep the literal's order.
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(members.map { Member($0.0, $0.1) })
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self = .string(text) }
}

extension JSONValue: Decodable {
    /// Reads any JSON document with `JSONDecoder`.
    ///
    /// - Throws: `DecodingError` for a number past the range of `ExactDecimal`.
    package init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: Name.self) {
            self = .object(
                try object.allKeys.map { Member($0.stringValue, try object.decode(JSONValue.self, forKey: $0)) })
            return
        }
        if var array = try? decoder.unkeyedContainer() {
            var elements: [JSONValue] = []
            while !array.isAtEnd { elements.append(try array.decode(JSONValue.self)) }
            self = .array(elements)
            return
        }
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            self = .null
        } else if let bool = try? single.decode(Bool.self) {
            self = .bool(bool)
        } else if let text = try? single.decode(String.self) {
            self = .string(text)
        } else if let number = ExactDecimal(try single.decode(Decimal.self).description) {
            self = .number(number)
        } else {
            throw DecodingError.dataCorruptedError(
                in: single, debugDescription: "a number past the range of ExactDecimal")
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

// Not written by JSONEncoder because it can neither keep members in the documented order nor print ExactDecimal digit
// for digit.
extension JSONValue {
    /// The document in UTF-8, without white space.
    package func encoded(numbersAsStrings: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes, numbersAsStrings: numbersAsStrings)
        return bytes
    }

    private func append(to bytes: inout [UInt8], numbersAsStrings: Bool) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let bool): bytes.append(contentsOf: (bool ? "true" : "false").utf8)
        case .number(let number):
            if numbersAsStrings { bytes.append(UInt8(ascii: "\"")) }
            bytes.append(contentsOf: number.description.utf8)
            if numbersAsStrings { bytes.append(UInt8(ascii: "\"")) }
        case .string(let text): Self.append(quoted: text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.append(to: &bytes, numbersAsStrings: numbersAsStrings)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.append(quoted: member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.append(to: &bytes, numbersAsStrings: numbersAsStrings)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func append(quoted text: String, to bytes: inout [UInt8]) {
        let hexadecimal = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(hexadecimal[Int(byte >> 4)])
                bytes.append(hexadecimal[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The same document with every array shuffled, as a provider that does not promise an order may send it.
    func shuffled(using random: inout SplitMix64) -> JSONValue {
        switch self {
        case .array(let elements): .array(elements.map { $0.shuffled(using: &random) }.shuffled(using: &random))
        case .object(let members):
            .object(members.map { Member($0.name, $0.value.shuffled(using: &random)) })
        case .null, .bool, .number, .string: self
        }
    }
}
