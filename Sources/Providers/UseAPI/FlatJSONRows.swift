import UsageModel

/// Parses a JSON list of flat objects whose values are strings without escapes, whole numbers from 0 on, or null.
///
/// Nearly all rows of usage have this form, and a response has tens of thousands of them. `JSONDecoder` would create a
/// dictionary for each. It decodes only lists of another form and reports errors in them. Both decode flat rows alike.
struct FlatJSONRows {
    enum Value: Equatable {
        case text(String)
        case number(Int)
        case null
    }

    /// Limits digits so that every number fits and is plausible as an amount (`LenientDecimal.isPlausible`).
    private static let mostDigits = 15

    private let names: [[UInt8]]
    private var cursor: JSONCursor

    /// - Parameters:
    ///   - json: a list in UTF-8.
    ///   - names: the names of the wanted members, without escapes.
    init(_ json: [UInt8], names: [String]) {
        cursor = JSONCursor(json)
        self.names = names.map { Array($0.utf8) }
    }

    /// Passes the wanted members of each object in the order of `names`; nil for a missing member.
    ///
    /// - Parameter take: returns whether it could use them.
    /// - Returns: whether the whole list has the flat form, and `take` could use all its objects.
    mutating func read(_ take: ([Value?]) -> Bool) -> Bool {
        cursor.position = 0
        cursor.skipSpace()
        guard cursor.skip("[") else { return false }
        cursor.skipSpace()
        var hasNext = !cursor.skip("]")
        while hasNext {
            cursor.skipSpace()
            guard let members = object(), take(members) else { return false }
            cursor.skipSpace()
            hasNext = cursor.skip(",")
            if !hasNext, !cursor.skip("]") { return false }
        }
        cursor.skipSpace()
        return cursor.position == cursor.json.count
    }

    /// Returns the wanted members of an object; nil if it does not have the flat form or repeats a member.
    private mutating func object() -> [Value?]? {
        guard cursor.skip("{") else { return nil }
        var members = [Value?](repeating: nil, count: names.count)
        cursor.skipSpace()
        var hasNext = !cursor.skip("}")
        while hasNext {
            cursor.skipSpace()
            guard let name = text() else { return nil }
            cursor.skipSpace()
            guard cursor.skip(":") else { return nil }
            cursor.skipSpace()
            if let index = names.firstIndex(where: { $0.elementsEqual(cursor.json[name]) }) {
                guard members[index] == nil, let value = value() else { return nil }
                members[index] = value
            } else {
                guard skipValue() else { return nil }
            }
            cursor.skipSpace()
            hasNext = cursor.skip(",")
            if !hasNext, !cursor.skip("}") { return nil }
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

    /// Returns the range of the bytes between the next two quotes.
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
        // JSON has no leading zeros. The caller rejects longer numbers, because no comma or end follows the digits.
        return digits == 0 || (digits > 1 && cursor.json[start] == UInt8(ascii: "0")) ? nil : number
    }
}

/// Splits a JSON object with one long list into batches of the list's elements and the rest of the object.
///
/// The response of a busy day is tens of MB, and `JSONDecoder` needs several times the size of its input, so it gets
/// the elements in batches. The splitter follows only quotes and brackets, without recursion. The decoder of a batch or
/// of the rest validates its JSON; every byte but the commas between members is part of one of them.
struct JSONArraySplitter {
    /// Some elements of the list, as a JSON list.
    struct Batch {
        let json: [UInt8]
        /// The index of its first element in the whole list.
        let first: Int
    }

    private let list: String
    private let batchBytes: Int
    private var cursor: JSONCursor

    /// - Parameters:
    ///   - body: the document in UTF-8, with an optional byte order mark.
    ///   - list: the name of the member that holds the list.
    ///   - batchBytes: the size at which a batch is complete.
    init(_ body: [UInt8], list: String, batchBytes: Int = 256 << 10) {
        cursor = JSONCursor(body)
        self.list = list
        self.batchBytes = batchBytes
    }

    /// Passes the list's elements in order, and returns the object without the list.
    ///
    /// The list may be missing or null. Batches before an error have already been passed to `take`.
    ///
    /// - Throws: `SourceFailure` (`decode`) if the document is truncated, is not an object, or repeats a member;
    ///   rethrows the errors of `take`.
    mutating func read(_ take: (Batch) throws -> Void) throws -> [UInt8] {
        cursor.position = cursor.json.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        cursor.skipSpace()
        guard cursor.peek != nil else { throw SourceFailure(.decode, "the response is empty, expected JSON") }
        guard cursor.skip("{") else { throw SourceFailure(.decode, "the document: expected an object") }
        var rest = [UInt8(ascii: "{")]
        var names: Set<[UInt8]> = []
        cursor.skipSpace()
        var hasNext = !cursor.skip("}")
        while hasNext {
            cursor.skipSpace()
            let start = cursor.position
            let name = try memberName()
            guard names.insert(name).inserted else {
                throw SourceFailure(.decode, "the document: duplicate member")
            }
            if name == Array(list.utf8) {
                try readList(take)
            } else {
                try skipValue()
                if rest.count > 1 { rest.append(UInt8(ascii: ",")) }
                rest += cursor.json[start..<cursor.position]
            }
            cursor.skipSpace()
            hasNext = cursor.skip(",")
            if !hasNext, !cursor.skip("}") { throw broken() }
        }
        cursor.skipSpace()
        guard cursor.position == cursor.json.count else { throw broken() }
        rest.append(UInt8(ascii: "}"))
        return rest
    }

    /// Reads a member's name, between its quotes, and the colon after it.
    private mutating func memberName() throws -> [UInt8] {
        let start = cursor.position
        guard cursor.peek == UInt8(ascii: "\"") else { throw broken() }
        try skipText()
        let name = Array(cursor.json[(start + 1)..<(cursor.position - 1)])
        cursor.skipSpace()
        // No relevant name needs an escape, and an escaped name could be a duplicate of another one.
        guard !name.contains(UInt8(ascii: "\\")), cursor.skip(":") else { throw broken() }
        cursor.skipSpace()
        return name
    }

    private mutating func readList(_ take: (Batch) throws -> Void) throws {
        if cursor.skipNull() { return }
        guard cursor.skip("[") else { throw SourceFailure(.decode, "\(list): expected a list") }
        cursor.skipSpace()
        guard !cursor.skip("]") else { return }
        var first = 0
        var index = 0
        var start = cursor.position
        while true {
            try skipValue()
            index += 1
            let end = cursor.position
            cursor.skipSpace()
            let isLast = cursor.skip("]")
            guard isLast || cursor.skip(",") else { throw broken() }
            if isLast || end - start >= batchBytes {
                try take(
                    Batch(json: [UInt8(ascii: "[")] + cursor.json[start..<end] + [UInt8(ascii: "]")], first: first))
                first = index
            }
            if isLast { return }
            cursor.skipSpace()
            if first == index { start = cursor.position }
        }
    }

    private mutating func skipValue() throws {
        guard let byte = cursor.peek else { throw broken() }
        switch byte {
        case UInt8(ascii: "\""): try skipText()
        case UInt8(ascii: "{"), UInt8(ascii: "["): try skipNested()
        default:
            let start = cursor.position
            while let byte = cursor.peek, !Self.endsScalar(byte) { cursor.position += 1 }
            guard cursor.position > start else { throw broken() }
        }
    }

    private mutating func skipNested() throws {
        var depth = 0
        repeat {
            guard let byte = cursor.peek else { throw broken() }
            switch byte {
            case UInt8(ascii: "\""):
                try skipText()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            cursor.position += 1
        } while depth > 0
    }

    private mutating func skipText() throws {
        cursor.position += 1
        while let byte = cursor.peek {
            switch byte {
            case UInt8(ascii: "\\"): cursor.position += 2
            case UInt8(ascii: "\""):
                cursor.position += 1
                return
            default: cursor.position += 1
            }
        }
        throw broken()
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") || JSONCursor.isSpace(byte)
    }

    private func broken() -> SourceFailure {
        SourceFailure(
            .decode,
            cursor.position < cursor.json.count
                ? "the response is not valid JSON" : "the response is truncated: JSON ends early"
        )
    }
}

/// A position in a JSON text.
struct JSONCursor {
    let json: [UInt8]
    var position = 0

    init(_ json: [UInt8]) {
        self.json = json
    }

    /// The byte at the position; nil at the end.
    var peek: UInt8? { position < json.count ? json[position] : nil }

    /// Skips a character. Returns whether it was at the position.
    mutating func skip(_ sign: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    /// Skips a `null`. Returns whether it was at the position.
    mutating func skipNull() -> Bool {
        guard peek != nil, json[position...].starts(with: "null".utf8) else { return false }
        position += 4
        return true
    }

    mutating func skipSpace() {
        while let byte = peek, Self.isSpace(byte) { position += 1 }
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
