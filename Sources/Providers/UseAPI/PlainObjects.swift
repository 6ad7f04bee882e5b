/// A JSON list of plain objects: nothing in them but text without escapes, whole numbers from 0 on, and nulls.
///
/// Rows of usage are plain nearly always, and there are tens of thousands in an answer, of each of which `JSONDecoder`
/// makes a dictionary. It is left what is not plain or no JSON at all, and says what is wrong with that; what is read
/// here it reads alike.
struct PlainObjects {
    enum Value: Equatable {
        case text(String)
        case number(Int)
        case null
    }

    /// So that every number fits, and is plausible as an amount (`LenientDecimal.isPlausible`).
    private static let mostDigits = 15

    private let names: [[UInt8]]
    private var cursor: JSONCursor

    /// - Parameters:
    ///   - json: a list in UTF-8.
    ///   - names: of the members that are wanted, without escapes.
    init(_ json: [UInt8], names: [String]) {
        cursor = JSONCursor(json)
        self.names = names.map { Array($0.utf8) }
    }

    /// Hands out the wanted members of each object, in the order in which they were asked for; nil for a missing one.
    ///
    /// - Parameter take: answers whether it can do with them.
    /// - Returns: whether the list is plain to its end, and all could be done with.
    mutating func read(_ take: ([Value?]) -> Bool) -> Bool {
        cursor.position = 0
        cursor.skipSpace()
        guard cursor.skip("[") else { return false }
        cursor.skipSpace()
        var goesOn = !cursor.skip("]")
        while goesOn {
            cursor.skipSpace()
            guard let members = object(), take(members) else { return false }
            cursor.skipSpace()
            goesOn = cursor.skip(",")
            if !goesOn, !cursor.skip("]") { return false }
        }
        cursor.skipSpace()
        return cursor.position == cursor.json.count
    }

    /// An object's wanted members; nil where it is not plain, or names one of them twice.
    private mutating func object() -> [Value?]? {
        guard cursor.skip("{") else { return nil }
        var members = [Value?](repeating: nil, count: names.count)
        cursor.skipSpace()
        var goesOn = !cursor.skip("}")
        while goesOn {
            cursor.skipSpace()
            guard let name = text() else { return nil }
            cursor.skipSpace()
            guard cursor.skip(":") else { return nil }
            cursor.skipSpace()
            if let place = names.firstIndex(where: { $0.elementsEqual(cursor.json[name]) }) {
                guard members[place] == nil, let value = value() else { return nil }
                members[place] = value
            } else {
                guard skipValue() else { return nil }
            }
            cursor.skipSpace()
            goesOn = cursor.skip(",")
            if !goesOn, !cursor.skip("}") { return nil }
        }
        return members
    }

    private mutating func value() -> Value? {
        switch cursor.peek {
        case UInt8(ascii: "\""): text().map { .text(String(decoding: cursor.json[$0], as: UTF8.self)) }
        case UInt8(ascii: "n"): cursor.skipNull() ? .null : nil
        default: number().map(Value.number)
        }
    }

    private mutating func skipValue() -> Bool {
        switch cursor.peek {
        case UInt8(ascii: "\""): text() != nil
        case UInt8(ascii: "n"): cursor.skipNull()
        default: number() != nil
        }
    }

    /// Where the bytes between the next two quotes are.
    private mutating func text() -> Range<Int>? {
        guard cursor.skip("\"") else { return nil }
        let start = cursor.position
        var isASCII = true
        while let byte = cursor.peek, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20, byte != UInt8(ascii: "\\") else { return nil }
            if byte >= 0x80 { isASCII = false }
            cursor.position += 1
        }
        let bytes = start..<cursor.position
        guard cursor.skip("\""), isASCII || String(validating: cursor.json[bytes], as: UTF8.self) != nil else {
            return nil
        }
        return bytes
    }

    private mutating func number() -> Int? {
        let start = cursor.position
        var number = 0
        while let byte = cursor.peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte),
            cursor.position - start < Self.mostDigits
        {
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
            cursor.position += 1
        }
        let digits = cursor.position - start
        // JSON has no leading zeros. A number that goes on has neither a comma nor the end behind it.
        return digits == 0 || (digits > 1 && cursor.json[start] == UInt8(ascii: "0")) ? nil : number
    }
}
