import CCrypt
import Foundation

/// bcrypt hashes, as `htpasswd -B` makes them: checked by libxcrypt's `crypt_r` (crypt(5), "bcrypt").
enum PasswordHash {
    /// A dummy hash, compared for unknown users so that the response time does not reveal whether a user exists.
    ///
    /// - Parameter hashes: of the users that exist; it costs as much as the costliest.
    static func dummy(likeCostliestOf hashes: some Sequence<String>) -> String {
        let cost = hashes.compactMap(cost).max() ?? 10
        return "$2y$\(cost < 10 ? "0" : "")\(cost)$P5oICzKW1DoBxsSliZN47uWeozSSN67uhu74s84qN0U9OezNKEdnS"
    }

    /// Whether a text has the form of a bcrypt hash: `$2y$`, a cost from 04 to 31, 22 characters of salt, 31 of hash.
    static func isBcrypt(_ text: String) -> Bool { cost(text) != nil }

    /// Logarithm of the rounds; nil where a text is not a bcrypt hash.
    private static func cost(_ text: String) -> Int? {
        guard let match = text.wholeMatch(of: #/\$2[abxy]\$(\d\d)\$[.\/A-Za-z0-9]{53}/#), let cost = Int(match.1),
            (4...31).contains(cost)
        else { return nil }
        return cost
    }

    /// Whether a password has a hash. It takes long on purpose: half a second at cost 13, four at cost 16.
    static func matches(_ password: String, _ hash: String) -> Bool {
        // bcrypt ends at a zero byte: a password with one would equal its part before that.
        guard isBcrypt(hash), !password.utf8.contains(0) else { return false }
        var data = crypt_data()
        guard let result = crypt_r(password, hash, &data) else { return false }
        return isEqual(String(cString: result), hash)
    }

    /// Compares in a time that does not tell where two texts begin to differ.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        return zip(left.utf8, right.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
