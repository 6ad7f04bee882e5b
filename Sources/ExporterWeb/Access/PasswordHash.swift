import CCrypt
import Foundation

/// bcrypt hashes, as `htpasswd -B` makes them: checked by libxcrypt's `crypt_r` (crypt(5), "bcrypt").
enum PasswordHash {
    /// A hash that no known password has: what is compared where there is no such user takes as long as any other.
    static let ofNobody = "$2y$10$P5oICzKW1DoBxsSliZN47uWeozSSN67uhu74s84qN0U9OezNKEdnS"

    /// Whether a text has the form of a bcrypt hash: `$2y$`, a cost from 04 to 31, 22 characters of salt, 31 of hash.
    static func isBcrypt(_ text: String) -> Bool {
        guard let match = text.wholeMatch(of: #/\$2[abxy]\$(\d\d)\$[.\/A-Za-z0-9]{53}/#), let cost = Int(match.1) else {
            return false
        }
        return (4...31).contains(cost)
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
