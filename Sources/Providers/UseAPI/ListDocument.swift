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

    private let body: [UInt8]
    private let list: String
    private let batchBytes: Int
    private var position = 0

    /// - Parameters:
    ///   - body: the document in UTF-8; a byte order mark may come first.
    ///   - list: the name of the member that holds the list.
    ///   - batchBytes: a batch is closed once it is so long.
    init(_ body: [UInt8], list: String, batchBytes: Int = 256 << 10) {
        self.body = body
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
        position = body.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        skipSpace()
        guard peek != nil else { throw SourceFailure(.decode, "the answer is empty, expected JSON") }
        guard skip("{") else { throw SourceFailure(.decode, "the document: expected an object") }
        var rest = [UInt8(ascii: "{")]
        var names: Set<[UInt8]> = []
        skipSpace()
        var goesOn = !skip("}")
        while goesOn {
            skipSpace()
            let start = position
            let name = try memberName()
            guard names.insert(name).inserted else {
                throw SourceFailure(.decode, "the document: a member is named twice, which of them is meant?")
            }
            if name == Array(list.utf8) {
                try readList(take)
            } else {
                try skipValue()
                if rest.count > 1 { rest.append(UInt8(ascii: ",")) }
                rest += body[start..<position]
            }
            skipSpace()
            goesOn = skip(",")
            if !goesOn, !skip("}") { throw broken() }
        }
        skipSpace()
        guard position == body.count else { throw broken() }
        rest.append(UInt8(ascii: "}"))
        return rest
    }

    /// The name of a member in the bytes between its quotes, with its colon behind it.
    private mutating func memberName() throws -> [UInt8] {
        let start = position
        guard peek == UInt8(ascii: "\"") else { throw broken() }
        try skipText()
        let name = Array(body[(start + 1)..<(position - 1)])
        skipSpace()
        // No name that matters needs an escape; written with one it could stand for a name that is there already.
        guard !name.contains(UInt8(ascii: "\\")), skip(":") else { throw broken() }
        skipSpace()
        return name
    }

    private mutating func readList(_ take: (Batch) throws -> Void) throws {
        if body[position...].starts(with: "null".utf8) {
            position += 4
            return
        }
        guard skip("[") else { throw SourceFailure(.decode, "\(list): expected a list") }
        skipSpace()
        guard !skip("]") else { return }
        var first = 0
        var index = 0
        var start = position
        while true {
            try skipValue()
            index += 1
            let end = position
            skipSpace()
            let isLast = skip("]")
            guard isLast || skip(",") else { throw broken() }
            if isLast || end - start >= batchBytes {
                try take(Batch(json: [UInt8(ascii: "[")] + body[start..<end] + [UInt8(ascii: "]")], first: first))
                first = index
            }
            if isLast { return }
            skipSpace()
            if first == index { start = position }
        }
    }

    private mutating func skipValue() throws {
        guard let byte = peek else { throw broken() }
        switch byte {
        case UInt8(ascii: "\""): try skipText()
        case UInt8(ascii: "{"), UInt8(ascii: "["): try skipNested()
        default:
            let start = position
            while let byte = peek, !Self.endsScalar(byte) { position += 1 }
            guard position > start else { throw broken() }
        }
    }

    private mutating func skipNested() throws {
        var depth = 0
        repeat {
            guard let byte = peek else { throw broken() }
            switch byte {
            case UInt8(ascii: "\""):
                try skipText()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            position += 1
        } while depth > 0
    }

    private mutating func skipText() throws {
        position += 1
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\\"): position += 2
            case UInt8(ascii: "\""):
                position += 1
                return
            default: position += 1
            }
        }
        throw broken()
    }

    private var peek: UInt8? { position < body.count ? body[position] : nil }

    private mutating func skip(_ sign: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, Self.isSpace(byte) { position += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") || isSpace(byte)
    }

    private func broken() -> SourceFailure {
        SourceFailure(
            .decode, position < body.count ? "the answer is not valid JSON" : "the answer is cut short: JSON ends early"
        )
    }
}
