import Foundation

/// Redacts secrets in untrusted text, in each form of ``SecretSpellings``, and words that an API has masked with asterisks,
/// which still show the ends of a key (`sk-admin-****abcd`).
struct Redaction: Sendable {
    static let replacement = "<redacted>"

    private let secrets: [String]

    init(_ secrets: [String]) {
        // Longest first, so that a secret that contains another is redacted completely.
        self.secrets = secrets.flatMap(SecretSpellings.all).sorted { $0.utf8.count > $1.utf8.count }
    }

    func applied(to text: String) -> String {
        // Case-insensitive because a key may be part of a host name, which is returned in lower case.
        let text = secrets.reduce(text) {
            $0.replacingOccurrences(of: $1, with: Self.replacement, options: [.caseInsensitive, .literal])
        }
        return text.split(separator: " ", omittingEmptySubsequences: false)
            .map { $0.contains("***") ? Self.replacement[...] : $0 }.joined(separator: " ")
    }
}

/// Redacts a call's own key in the body of a response, because an API that repeats it as a name (of a model, a key, a line
/// item) would put it into labels, the status page and the ledger.
///
/// Finds the key literally, and with characters in the escapes of JSON (`\/`, `\u002f`).
struct KeyInBody: Sendable {
    /// Shorter keys are not redacted, because they may be part of an ordinary name; APIs issue longer ones.
    static let shortestKey = 12

    private static let replacement = Array(Redaction.replacement.utf8)
    private static let backslash = UInt8(ascii: "\\")

    private let key: [UInt8]

    /// - Parameter key: the key; nil if the call sends none.
    init(_ key: String?) {
        let bytes = Array((key ?? "").utf8)
        self.key = bytes.count < Self.shortestKey ? [] : bytes
    }

    /// Returns the body with the key replaced. JSON stays valid, because an escape is read as a whole.
    func redacted(from body: [UInt8]) -> [UInt8] {
        guard let first = key.first else { return body }
        return body.withUnsafeBytes { bytes in
            var redacted: [UInt8] = []
            var copied = 0
            var index = 0
            var next = (first: -1, backslash: -1)
            while true {
                // The nearest of the two, without a look at the bytes before it.
                if next.first < index { next.first = Self.position(of: first, from: index, in: bytes) }
                if next.backslash < index { next.backslash = Self.position(of: Self.backslash, from: index, in: bytes) }
                index = min(next.first, next.backslash)
                guard index < bytes.count else { break }
                guard let end = end(ofKeyAt: index, in: bytes) else {
                    index += Self.character(at: index, in: bytes).length
                    continue
                }
                if copied == 0 { redacted.reserveCapacity(bytes.count) }
                redacted += bytes[copied..<index]
                redacted += Self.replacement
                copied = end
                index = end
            }
            guard copied > 0 else { return body }
            redacted += bytes[copied...]
            return redacted
        }
    }

    /// Returns the position of a byte at or after `start`, or the number of bytes without one.
    private static func position(of byte: UInt8, from start: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        guard start < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, Int32(byte), bytes.count - start)
        else { return bytes.count }
        return UnsafeRawPointer(found) - base
    }

    private func end(ofKeyAt start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        var index = start
        for expected in key {
            guard index < bytes.count else { return nil }
            let (byte, length) = Self.character(at: index, in: bytes)
            guard byte == expected else { return nil }
            index += length
        }
        return index
    }

    /// Returns the character at a position of a JSON text, nil if it is not one of ASCII or an escape of a control
    /// character, and the number of bytes that it takes.
    private static func character(at index: Int, in bytes: UnsafeRawBufferPointer) -> (UInt8?, length: Int) {
        guard bytes[index] == backslash, index + 1 < bytes.count else { return (bytes[index], 1) }
        switch bytes[index + 1] {
        case UInt8(ascii: "u"):
            guard index + 6 <= bytes.count else { return (nil, 2) }
            let digits = String(decoding: bytes[(index + 2)..<(index + 6)], as: UTF8.self)
            return (UInt8(digits, radix: 16), 6)
        case UInt8(ascii: "/"), backslash, UInt8(ascii: "\""): return (bytes[index + 1], 2)
        default: return (nil, 2)
        }
    }
}

/// The forms in which APIs and proxies repeat a secret: literally, percent-encoded, and as part of Base64 text.
package enum SecretSpellings {
    /// Base64 forms of shorter secrets would match ordinary text.
    private static let shortestEncoded = 6

    /// Returns the forms of a secret, longest first; empty for an empty secret.
    package static func all(of secret: String) -> [String] {
        guard !secret.isEmpty else { return [] }
        var spellings: Set = [secret]
        let percentEncoded = [
            PercentEncoding.strict(secret), PercentEncoding.path(secret), PercentEncoding.alphanumeric(secret),
            PercentEncoding.whole(secret),
        ]
        for encoded in percentEncoded {
            spellings.insert(encoded)
            spellings.insert(encoded.replacing(/%[0-9A-F]{2}/) { $0.output.lowercased() })
        }
        if secret.utf8.count >= shortestEncoded {
            for offset in 0..<3 {
                let text = base64(secret, offset: offset)
                spellings.insert(text)
                spellings.insert(text.replacing("+", with: "-").replacing("/", with: "_"))
            }
        }
        return spellings.sorted { ($0.utf8.count, $1) > ($1.utf8.count, $0) }
    }

    /// Returns the characters of a Base64 text that depend only on the secret, if the secret begins `offset` bytes
    /// (modulo 3) after the start, as in `Basic` credentials after a user name.
    private static func base64(_ secret: String, offset: Int) -> String {
        let bytes = [UInt8](repeating: 0, count: offset) + Array(secret.utf8)
        let text = Data(bytes).base64EncodedString()
        // Each character has 6 bits: the first and last ones share bits with the surrounding bytes.
        return String(text.prefix(bytes.count * 8 / 6).dropFirst((offset * 8 + 5) / 6))
    }
}
