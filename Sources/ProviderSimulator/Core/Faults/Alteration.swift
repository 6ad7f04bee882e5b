import CZlib
import NIOCore
import UsageModel

/// A defect in the values of a response that is otherwise complete and in its documented form.
package enum Alteration: Sendable, Hashable {
    /// Every name (model, key, linked account, SKU, line item) gets a prefix. Names stay distinct by their suffix.
    case namesBeginning(with: String)
    /// Every name begins with a byte that is invalid in UTF-8.
    case invalidUTF8
    /// Every number is negative, except those that are not amounts: codes, page numbers and times of periods.
    case negativeAmounts
    /// Every amount is this JSON number: `1e300` fits no type used for money.
    case amounts(String)

    /// Every name gets a prefix of N `x`.
    package static func longNames(characters: Int) -> Alteration {
        .namesBeginning(with: String(repeating: "x", count: characters))
    }

    /// Members that hold names.
    static let names: Set<String> = [
        "model_uuid", "model", "sku", "apiModelId", "config", "id", "name", "description",
    ]

    /// Members whose numbers, at any depth, are not amounts.
    private static let noAmounts: Set<String> = ["code", "status", "pagination", "start_time", "end_time"]

    /// The body in UTF-8, except for the invalid bytes of `invalidUTF8`.
    func encoded(_ body: JSONValue) -> [UInt8] {
        switch self {
        case .namesBeginning(let start):
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

    /// Placeholder for bytes that a `JSONValue` cannot hold; no provider uses it.
    private static let mark = "\u{F8FF}"
}

extension JSONValue {
    /// The same document with changed names.
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

/// A response whose first list of named objects (models, keys, rows, also with the name in an inner object) has a given
/// number of elements. Each is a copy of the list's first element under a unique name: `crowd-0`, `crowd-1`, …
struct Crowd: Sendable {
    private let head: [UInt8]
    private let tail: [UInt8]
    /// The element's bytes, split at its names.
    private let element: [ArraySlice<UInt8>]

    /// Placeholders for the list in the document and for the name in the element; no provider uses them.
    private static let list = "\u{F8FD}"
    private static let name = "\u{F8FE}"
    /// Elements per write.
    private static let atOnce = 1000

    /// Nil if the response has no such list, or an empty one.
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

    /// Passes the response with `count` elements to `write`, one chunk at a time.
    func write(_ count: Int, _ write: (ByteBuffer) async throws -> Void) async throws {
        try await write(ByteBuffer(bytes: head))
        for start in stride(from: 0, to: count, by: Self.atOnce) {
            var chunk: [UInt8] = []
            for ordinal in start..<min(start + Self.atOnce, count) {
                if ordinal > 0 { chunk.append(UInt8(ascii: ",")) }
                let name = Array("crowd-\(ordinal)".utf8)
                for (index, part) in element.enumerated() {
                    if index > 0 { chunk += name }
                    chunk += part
                }
            }
            try await write(ByteBuffer(bytes: chunk))
        }
        try await write(ByteBuffer(bytes: tail))
    }
}

extension JSONValue {
    fileprivate var members: [Member] {
        guard case .object(let members) = self else { return [] }
        return members
    }

    fileprivate var hasName: Bool {
        members.contains { Alteration.names.contains($0.name) && $0.value.text != nil }
    }

    /// The same document with the first list of named objects replaced by `value`; `first` receives that list's first
    /// element.
    fileprivate func replacingCrowd(by value: JSONValue, _ first: inout JSONValue?) -> JSONValue {
        guard first == nil else { return self }
        switch self {
        case .array(let elements):
            if let element = elements.first, element.hasName || element.members.contains(where: \.value.hasName) {
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
    /// Selects those requests.
    var seed: UInt64 { get }
}

extension ErrorObjects {
    /// Whether a request gets an error object. The result is always the same for the same request at the same time.
    func fails(_ request: APIRequest) -> Bool {
        request.isDrawn(percentage: errorPercentage, seed: seed)
    }
}

/// A gzip body that expands to a thousand times its length: white space, which is allowed before JSON.
struct GzipBomb {
    /// One MiB of spaces as deflate blocks that do not refer to earlier data, so that they can be repeated.
    private let block: [UInt8]
    private let checksum: UInt

    private static let blockLength = 1 << 20

    /// zlib could not allocate its state.
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

    /// Passes N MiB in compressed form to `write`, one chunk at a time.
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
