import UsageModel

/// A JSON list of plain objects: nothing in them but text without escapes, whole numbers from 0 on, and nulls.
///
/// Rows of usage are plain nearly always, and there are tens of thousands in an answer, of each of which `JSONDecoder`
/// makes a dictionary. It is left what is not plain or no JSON at all, and says what is wrong with that; what is read
/// here it reads alike.
struct FlatJSONRows {
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

/// A JSON object with one long list, cut into batches of the list's elements and everything else.
///
/// A busy day is tens of MB, and `JSONDecoder` needs several times a document's size: so it gets the elements a batch
/// at a time. Only quotes and brackets are followed here, without recursion; whether a piece is good JSON is for its
/// decoder to say, and every byte but the commas between members ends in a piece.
struct JSONArraySplitter {
    /// Some elements of the list as a JSON list of their own.
    struct Batch {
        let json: [UInt8]
        /// The place of its first element in the whole list.
        let first: Int
    }

    private let list: String
    private let batchBytes: Int
    private var cursor: JSONCursor

    /// - Parameters:
    ///   - body: the document in UTF-8; a byte order mark may come first.
    ///   - list: the name of the member that holds the list.
    ///   - batchBytes: a batch is closed once it is so long.
    init(_ body: [UInt8], list: String, batchBytes: Int = 256 << 10) {
        cursor = JSONCursor(body)
        self.list = list
        self.batchBytes = batchBytes
    }

    /// Hands out the list's elements in order, and returns the object without the list.
    ///
    /// The list may be missing or null. Batches have been handed out by the time an error further on is met.
    ///
    /// - Throws: `SourceFailure` (`decode`) where the document is cut short, is no object, or names a member twice;
    ///   and what `take` throws.
    mutating func read(_ take: (Batch) throws -> Void) throws -> [UInt8] {
        cursor.position = cursor.json.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        cursor.skipSpace()
        guard cursor.peek != nil else { throw SourceFailure(.decode, "the answer is empty, expected JSON") }
        guard cursor.skip("{") else { throw SourceFailure(.decode, "the document: expected an object") }
        var rest = [UInt8(ascii: "{")]
        var names: Set<[UInt8]> = []
        cursor.skipSpace()
        var goesOn = !cursor.skip("}")
        while goesOn {
            cursor.skipSpace()
            let start = cursor.position
            let name = try memberName()
            guard names.insert(name).inserted else {
                throw SourceFailure(.decode, "the document: a member is named twice, which of them is meant?")
            }
            if name == Array(list.utf8) {
                try readList(take)
            } else {
                try skipValue()
                if rest.count > 1 { rest.append(UInt8(ascii: ",")) }
                rest += cursor.json[start..<cursor.position]
            }
            cursor.skipSpace()
            goesOn = cursor.skip(",")
            if !goesOn, !cursor.skip("}") { throw broken() }
        }
        cursor.skipSpace()
        guard cursor.position == cursor.json.count else { throw broken() }
        rest.append(UInt8(ascii: "}"))
        return rest
    }

    /// The name of a member in the bytes between its quotes, with its colon behind it.
    private mutating func memberName() throws -> [UInt8] {
        let start = cursor.position
        guard cursor.peek == UInt8(ascii: "\"") else { throw broken() }
        try skipText()
        let name = Array(cursor.json[(start + 1)..<(cursor.position - 1)])
        cursor.skipSpace()
        // No name that matters needs an escape; written with one it could stand for a name that is there already.
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
                ? "the answer is not valid JSON" : "the answer is cut short: JSON ends early"
        )
    }
}

/// A place in a JSON text.
struct JSONCursor {
    let json: [UInt8]
    var position = 0

    init(_ json: [UInt8]) {
        self.json = json
    }

    /// The byte here; nil at the end.
    var peek: UInt8? { position < json.count ? json[position] : nil }

    /// Steps over a sign if it stands here, and answers whether it does.
    mutating func skip(_ sign: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    /// Steps over a `null` if it stands here, and answers whether it does.
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
