/// What may be sent as a key.
///
/// Keys travel in HTTP headers: a line break in one would let the rest become headers of its own, so only visible
/// ASCII passes.
enum SecretText {
    /// The longest key file that is read, in bytes; the longest tokens in use, JWTs, stay below 8 KiB.
    static let longest = 65_536

    /// Why a text is no key.
    enum Flaw: Error, CustomStringConvertible {
        case empty
        case unprintable
        case placeholder

        var description: String {
            switch self {
            case .empty: "is empty: put the key there"
            case .unprintable: "holds a space, a line break or a character beyond ASCII: put the key alone there"
            case .placeholder: "holds ${…}, and variables are not expanded: name the variable with a key ending in _env"
            }
        }
    }

    /// The bytes without the line break that editors put at a file's end, and some tools at a variable's.
    static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        if rest.last == UInt8(ascii: "\n") { rest.removeLast() }
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        return rest
    }

    /// The key, or why it is none.
    static func check(_ bytes: some Collection<UInt8>) -> Result<String, Flaw> {
        if bytes.isEmpty { return .failure(.empty) }
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return .failure(.unprintable) }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.contains("${") ? .failure(.placeholder) : .success(text)
    }
}
