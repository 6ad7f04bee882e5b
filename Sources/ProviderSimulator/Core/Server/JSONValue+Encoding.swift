// Written here rather than by JSONEncoder for two things it cannot do: keep members in the order in which the
// providers' documents show them, and print ExactDecimal digit for digit.
extension JSONValue {
    /// The document in UTF-8, without white space.
    public func encoded(numbersAsStrings: Bool = false) -> [UInt8] {
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

    /// The same document with the elements of every array in another order, as a provider that promises none may send.
    func shuffled(using random: inout SplitMix64) -> JSONValue {
        switch self {
        case .array(let elements): .array(elements.map { $0.shuffled(using: &random) }.shuffled(using: &random))
        case .object(let members):
            .object(members.map { Member($0.name, $0.value.shuffled(using: &random)) })
        case .null, .bool, .number, .string: self
        }
    }
}
