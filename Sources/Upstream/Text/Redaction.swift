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
