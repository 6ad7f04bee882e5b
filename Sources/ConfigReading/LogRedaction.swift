import NIOConcurrencyHelpers
import Upstream

/// Redacts secrets in log lines, as a second safeguard besides code that does not log them.
///
/// A class, because config loading and key files that are read again add secrets while handlers use it.
package final class LogRedaction: Sendable {
    /// The text that replaces a secret.
    package static let replacement = "<redacted>"

    /// Values shorter than this are not registered: replacing `test` everywhere would garble logs and hide nothing.
    package static let shortestSecret = 6

    /// Longest first, so that a secret that contains another is replaced completely.
    private let secrets = NIOLockedValueBox<[[UInt8]]>([])

    package init() {}

    /// Registers a value to redact in each form of `SecretSpellings`.
    package func register(_ secret: String) {
        guard secret.utf8.count >= Self.shortestSecret else { return }
        // Key files are read at each request, and rarely change.
        guard !secrets.withLockedValue({ $0.contains(Array(secret.utf8)) }) else { return }
        let spellings = SecretSpellings.all(of: secret).map { Array($0.utf8) }
        secrets.withLockedValue { secrets in
            for bytes in spellings where !secrets.contains(bytes) {
                let index = secrets.firstIndex { $0.count < bytes.count } ?? secrets.endIndex
                secrets.insert(bytes, at: index)
            }
        }
    }

    /// The text with each secret in it replaced.
    package func redacted(_ text: String) -> String {
        let secrets = secrets.withLockedValue { $0 }
        // Compare bytes, because a combining mark after a secret makes another character of its last letter.
        var bytes = Array(text.utf8)
        var found = false
        for secret in secrets {
            guard let replaced = Self.replace(secret, in: bytes) else { continue }
            bytes = replaced
            found = true
        }
        return found ? String(decoding: bytes, as: UTF8.self) : text
    }

    /// Returns nil if the secret is not in the text.
    private static func replace(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8]? {
        guard let first = secret.first, bytes.count >= secret.count else { return nil }
        var result: [UInt8] = []
        var copied = 0
        var index = 0
        while index + secret.count <= bytes.count {
            if bytes[index] == first, bytes[index..<(index + secret.count)].elementsEqual(secret) {
                result += bytes[copied..<index]
                result += Array(replacement.utf8)
                index += secret.count
                copied = index
            } else {
                index += 1
            }
        }
        return copied == 0 ? nil : result + bytes[copied...]
    }
}
