import CZlib
import NIOCore
import UsageModel

/// What is wrong inside an answer that is whole and in its documented form.
package enum Alteration: Sendable, Hashable {
    /// So many `x` stand before every name: models, keys, linked accounts, SKUs. What they end in tells them apart.
    case longNames(characters: Int)
    /// Every name begins with a byte that no UTF-8 text holds.
    case invalidUTF8
    /// Every number is below zero, but those that are no amounts: codes, and the places of pages.
    case negativeAmounts
    /// Every amount is this JSON number: `1e300` fits no type that money is kept in.
    case amounts(String)

    /// The members that hold names.
    static let names: Set<String> = [
        "model_uuid", "model", "sku", "apiModelId", "config", "id", "name", "description",
    ]

    /// The members whose numbers, and those inside them, are no amounts.
    private static let noAmounts: Set<String> = ["code", "status", "pagination"]

    /// The body in UTF-8, or nearly so.
    func encoded(_ body: JSONValue) -> [UInt8] {
        switch self {
        case .longNames(let characters):
            let start = String(repeating: "x", count: characters)
            return body.mapNames { start + $0 }.encoded()
        case .invalidUTF8:
            return body.mapNames { Self.mark + $0 }.encoded().replacing(Array(Self.mark.utf8), with: [0xFF])
        case .negativeAmounts:
            return body.mapAmounts(except: Self.noAmounts) { .number(-$0.magnitude) }.encoded()
        case .amounts(let number):
            return body.mapAmounts(except: Self.noAmounts) { _ in .string(Self.mark) }.encoded()
                .replacing(Array("\"\(Self.mark)\"".utf8), with: Array(number.utf8))
        }
    }

    /// Stands in the document for bytes that a `JSONValue` cannot hold; no provider uses it.
    private static let mark = "\u{F8FF}"
}

extension JSONValue {
    /// The same document with other names.
    func mapNames(_ change: (String) -> String) -> JSONValue {
        switch self {
        case .array(let elements): .array(elements.map { $0.mapNames(change) })
        case .object(let members):
            .object(
                members.map { member in
                    if Alteration.names.contains(member.name), let text = member.value.text {
                        Member(member.name, .string(change(text)))
                    } else {
                        Member(member.name, member.value.mapNames(change))
                    }
                })
        case .null, .bool, .number, .string: self
        }
    }

    fileprivate func mapAmounts(except kept: Set<String>, _ change: (ExactDecimal) -> JSONValue) -> JSONValue {
        switch self {
        case .number(let number): change(number)
        case .array(let elements): .array(elements.map { $0.mapAmounts(except: kept, change) })
        case .object(let members):
            .object(
                members.map { member in
                    kept.contains(member.name)
                        ? member : Member(member.name, member.value.mapAmounts(except: kept, change))
                })
        case .null, .bool, .string: self
        }
    }
}

/// An answer whose first list of named things (models, keys, rows) has as many of them as wanted, each in the form of the
/// list's own first element and under a name of its own: `crowd-0`, `crowd-1`, …
struct Crowd: Sendable {
    private let head: [UInt8]
    private let tail: [UInt8]
    /// The element's bytes around its names.
    private let element: [ArraySlice<UInt8>]

    /// Stand in the document where the list was, and in the element where a name was; no provider uses them.
    private static let list = "\u{F8FD}"
    private static let name = "\u{F8FE}"
    /// How many elements are written at a time.
    private static let atOnce = 1000

    /// Nil where the answer has no such list, or an empty one.
    init?(in body: JSONValue) {
        var first: JSONValue?
        let frame = body.replacingCrowd(by: .string(Self.list), &first).encoded()
        guard let first else { return nil }
        let parts = frame.split(
            separator: Array("\"\(Self.list)\"".utf8), maxSplits: 1, omittingEmptySubsequences: false)
        head = Array(parts.first ?? []) + [UInt8(ascii: "[")]
        tail = [UInt8(ascii: "]")] + Array(parts.dropFirst().first ?? [])
        element = first.mapNames { _ in Self.name }.encoded().split(separator: Array(Self.name.utf8))
    }

    /// Hands the answer with so many elements to `write`, a piece at a time.
    func write(_ count: Int, _ write: (ByteBuffer) async throws -> Void) async throws {
        try await write(ByteBuffer(bytes: head))
        for start in stride(from: 0, to: count, by: Self.atOnce) {
            var piece: [UInt8] = []
            for ordinal in start..<min(start + Self.atOnce, count) {
                if ordinal > 0 { piece.append(UInt8(ascii: ",")) }
                let name = Array("crowd-\(ordinal)".utf8)
                for (place, part) in element.enumerated() {
                    if place > 0 { piece += name }
                    piece += part
                }
            }
            try await write(ByteBuffer(bytes: piece))
        }
        try await write(ByteBuffer(bytes: tail))
    }
}

extension JSONValue {
    /// The same document with another value for the first list of things that have names, whose first is given back.
    fileprivate func replacingCrowd(by value: JSONValue, _ first: inout JSONValue?) -> JSONValue {
        guard first == nil else { return self }
        switch self {
        case .array(let elements):
            if case .object(let members)? = elements.first,
                members.contains(where: { Alteration.names.contains($0.name) && $0.value.text != nil })
            {
                first = elements.first
                return value
            }
            return .array(elements.map { $0.replacingCrowd(by: value, &first) })
        case .object(let members):
            return .object(members.map { Member($0.name, $0.value.replacingCrowd(by: value, &first)) })
        case .null, .bool, .number, .string:
            return self
        }
    }
}

/// Deviations that include error objects with status 200, at requests drawn by a seed.
protocol ErrorObjects {
    /// The share of requests that get one, in percent.
    var errorPercentage: Int { get }
    /// Decides which requests those are.
    var seed: UInt64 { get }
}

extension ErrorObjects {
    /// Whether a request gets an error object; the same request at the same time always gets the same.
    func fails(_ request: APIRequest) -> Bool {
        request.isDrawn(percentage: errorPercentage, seed: seed)
    }
}

/// A gzip body that is a thousand times as long when it is expanded: white space, which JSON may begin with.
struct GzipBomb {
    /// A MiB of spaces as deflate blocks that need nothing of what came before, so that they can be repeated.
    private let block: [UInt8]
    private let checksum: UInt

    private static let blockLength = 1 << 20

    /// zlib has no memory for its state.
    struct Unavailable: Error {}

    init() throws(Unavailable) {
        var spaces = [UInt8](repeating: UInt8(ascii: " "), count: Self.blockLength)
        var stream = z_stream()
        guard czlib_deflate_init_raw(&stream, 9) == Z_OK else { throw Unavailable() }
        defer { deflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(spaces.count))) + 16)
        let length = spaces.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                _ = deflate(&stream, Z_FULL_FLUSH)
                return target.count - Int(stream.avail_out)
            }
        }
        block = Array(output[..<length])
        checksum = UInt(crc32(0, spaces, UInt32(spaces.count)))
    }

    /// Hands the compressed form of so many MiB to `write`, a piece at a time.
    func write(mebibytes: Int, _ write: (ByteBuffer) async throws -> Void) async throws {
        try await write(ByteBuffer(bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]))
        var sum: UInt = 0
        for _ in 0..<mebibytes {
            sum = UInt(crc32_combine(sum, checksum, Self.blockLength))
            try await write(ByteBuffer(bytes: block))
        }
        var trailer = ByteBuffer(bytes: [0x03, 0x00])
        trailer.writeInteger(UInt32(sum), endianness: .little)
        trailer.writeInteger(UInt32(truncatingIfNeeded: mebibytes * Self.blockLength), endianness: .little)
        try await write(trailer)
    }
}
