import UsageModel

/// A JSON object with one long list, cut into batches of the list's elements and everything else.
///
/// A busy day is tens of MB, and `JSONDecoder` needs several times a document's size: so it gets the elements a batch
/// at a time. Only quotes and brackets are followed here, without recursion; whether a piece is good JSON is for its
/// decoder to say, and every byte but the commas between members ends in a piece.
struct ListDocument {
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
