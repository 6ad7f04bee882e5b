import Foundation

/// Redacts secrets in untrusted text, in each form of ``SecretSpellings``, and words that an API has masked with asterisks,
/// which still show the ends of a key (`sk-admin-****abcd`).
struct Redaction: Sendable {
    private let secrets: [String]

    init(_ secrets: [String]) {
        // Longest first, so that a secret that contains another is redacted completely.
        self.secrets = secrets.flatMap(SecretSpellings.all).sorted { $0.utf8.count > $1.utf8.count }
    }

    func applied(to text: String) -> String {
        // Case-insensitive because a key may be part of a host name, which is returned in lower case.
        let text = secrets.reduce(text) {
            $0.replacingOccurrences(of: $1, with: "<redacted>", options: [.caseInsensitive, .literal])
        }
        return text.split(separator: " ", omittingEmptySubsequences: false)
            .map { $0.contains("***") ? "<redacted>" : $0 }.joined(separator: " ")
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
