import Foundation

/// Takes secrets out of text that comes from outside, in each form of ``SecretSpellings``.
struct Redaction: Sendable {
    private let secrets: [String]

    init(_ secrets: [String]) {
        // The longest first: a secret that holds another must not be left in halves.
        self.secrets = secrets.flatMap(SecretSpellings.all).sorted { $0.utf8.count > $1.utf8.count }
    }

    func applied(to text: String) -> String {
        // Host names come back in lower case, and a key may stand in one.
        secrets.reduce(text) {
            $0.replacingOccurrences(of: $1, with: "<redacted>", options: [.caseInsensitive, .literal])
        }
    }
}

/// The forms in which APIs and proxies repeat a secret: as it is, percent-encoded, and as a part of Base64 text.
package enum SecretSpellings {
    /// Base64 forms of shorter secrets would match ordinary text.
    private static let shortestEncoded = 6

    /// The forms of a secret, the longest first; empty for an empty secret.
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

    /// The characters of a Base64 text that depend on the secret only, where the secret begins `offset` bytes (modulo 3)
    /// after the start, as in `Basic` credentials after a user name.
    private static func base64(_ secret: String, offset: Int) -> String {
        let bytes = [UInt8](repeating: 0, count: offset) + Array(secret.utf8)
        let text = Data(bytes).base64EncodedString()
        // Each character has 6 bits: the first ones share bits with what is before, the last with what comes after.
        return String(text.prefix(bytes.count * 8 / 6).dropFirst((offset * 8 + 5) / 6))
    }
}
