import NIOCore

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
