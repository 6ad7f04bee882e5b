/// Header fields in the order they came; names are compared without regard to case.
public struct UpstreamHeaders: Sendable, ExpressibleByDictionaryLiteral {
    private let fields: [(name: String, value: String)]

    /// Header fields.
    public init(_ fields: [(name: String, value: String)]) {
        self.fields = fields
    }

    /// Header fields, written as `["Retry-After": "5"]`; a name may stand there more than once.
    public init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The first field of this name; nil where there is none.
    public func first(name: String) -> String? {
        fields.first { Self.isSame($0.name, name) }?.value
    }

    /// Every field of this name, in the order they came.
    public func all(name: String) -> [String] {
        fields.filter { Self.isSame($0.name, name) }.map(\.value)
    }

    /// The fields with their values changed.
    func mapValues(_ transform: (String) -> String) -> UpstreamHeaders {
        UpstreamHeaders(fields.map { (name: $0.name, value: transform($0.value)) })
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
