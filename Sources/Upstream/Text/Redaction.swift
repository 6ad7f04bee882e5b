import Foundation

/// Takes secrets out of text that comes from outside, in each form of ``SecretSpellings``.
struct Redaction: Sendable {
    private let secrets: [String]

    /// Shorter ones are left: taken out of ordinary words they would make every message useless.
    private static let shortest = 6

    init(_ secrets: [String]) {
        // The longest first: a secret that holds another must not be left in halves.
        self.secrets = secrets.filter { $0.utf8.count >= Self.shortest }.flatMap(SecretSpellings.all)
            .sorted { $0.utf8.count > $1.utf8.count }
    }

    func applied(to text: String) -> String {
        // Host names come back in lower case, and a key may stand in one.
        secrets.reduce(text) {
            $0.replacingOccurrences(of: $1, with: "<redacted>", options: [.caseInsensitive, .literal])
        }
    }
}
