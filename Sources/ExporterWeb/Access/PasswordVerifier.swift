import CCrypt
import Crypto
import Dispatch
import Foundation
import NIOConcurrencyHelpers

/// Verifies passwords one at a time on a dedicated thread, and caches the results.
///
/// A hash takes a good part of a second of one core. On the threads that serve scrapes, a few wrong passwords a second
/// would keep all of them busy.
final class PasswordVerifier: Sendable {
    /// Maximum number of queued checks; further ones are rejected at once.
    static let longestQueue = 32
    /// Maximum number of cached wrong passwords.
    private static let rememberedWrong = 256
    /// Maximum number of cached right passwords of each user. A hash matches several, because bcrypt ignores bytes
    /// beyond the 72nd.
    private static let rememberedRight = 4

    /// Digests of passwords, cached separately so that wrong ones never evict a right one.
    private struct State {
        /// By user, oldest first.
        var right: [String: [SHA256.Digest]] = [:]
        var wrong: Set<SHA256.Digest> = []
        var waiting = 0

        func cachedResult(_ user: String, _ key: SHA256.Digest) -> Bool? {
            if right[user]?.contains(key) == true { return true }
            return wrong.contains(key) ? false : nil
        }

        mutating func remember(_ isRight: Bool, _ user: String, _ key: SHA256.Digest, users: [String: String]) {
            guard isRight else {
                if wrong.count >= PasswordVerifier.rememberedWrong { wrong.removeAll() }
                wrong.insert(key)
                return
            }
            right = right.filter { users[$0.key] != nil }
            // Concurrent requests with one password are each checked.
            guard right[user]?.contains(key) != true else { return }
            right[user, default: []].append(key)
            if right[user, default: []].count > PasswordVerifier.rememberedRight { right[user]?.removeFirst() }
        }
    }

    private let state = NIOLockedValueBox(State())
    private let queue = DispatchQueue(label: "passwords", qos: .utility)

    /// Whether the user exists and has this password; nil if the queue is full.
    func isRight(user: String, password: String, users: [String: String]) async -> Bool? {
        let hash = users[user] ?? PasswordHash.dummy(likeCostliestOf: users.values)
        // Includes the hash, so that a changed password in the web config invalidates the old one's cached results.
        let key = Self.key([user, hash, password])
        let known = state.withLockedValue { state -> Bool? in
            if let known = state.cachedResult(user, key) { return known }
            state.waiting += 1
            return nil
        }
        if let known { return known }
        guard state.withLockedValue({ $0.waiting <= Self.longestQueue }) else {
            state.withLockedValue { $0.waiting -= 1 }
            return nil
        }
        let matches = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: PasswordHash.matches(password, hash)) }
        }
        let result = matches && users[user] != nil
        state.withLockedValue { state in
            state.waiting -= 1
            state.remember(result, user, key, users: users)
        }
        return result
    }

    /// A cache key. The length before each part makes it unambiguous. The password itself is not stored.
    private static func key(_ parts: [String]) -> SHA256.Digest {
        var hasher = SHA256()
        for part in parts {
            let bytes = Array(part.utf8)
            withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { hasher.update(bufferPointer: $0) }
            hasher.update(data: bytes)
        }
        return hasher.finalize()
    }
}

/// bcrypt hashes, as `htpasswd -B` creates them, verified by libxcrypt's `crypt_r` (crypt(5), "bcrypt").
enum PasswordHash {
    /// A dummy hash, compared for unknown users so that the response time does not reveal whether a user exists.
    ///
    /// - Parameter hashes: the existing users' hashes, whose highest cost the dummy has.
    static func dummy(likeCostliestOf hashes: some Sequence<String>) -> String {
        let cost = hashes.compactMap(cost).max() ?? 10
        return "$2y$\(cost < 10 ? "0" : "")\(cost)$P5oICzKW1DoBxsSliZN47uWeozSSN67uhu74s84qN0U9OezNKEdnS"
    }

    /// Whether a text has the form of a bcrypt hash: `$2y$`, a cost from 04 to 31, 22 characters of salt, 31 of hash.
    static func isBcrypt(_ text: String) -> Bool { cost(text) != nil }

    /// Logarithm of the rounds; nil if the text is not a bcrypt hash.
    private static func cost(_ text: String) -> Int? {
        guard let match = text.wholeMatch(of: #/\$2[abxy]\$(\d\d)\$[.\/A-Za-z0-9]{53}/#), let cost = Int(match.1),
            (4...31).contains(cost)
        else { return nil }
        return cost
    }

    /// Whether a password matches a hash. Slow by design: half a second at cost 13, four seconds at cost 16.
    static func matches(_ password: String, _ hash: String) -> Bool {
        // bcrypt stops at a zero byte, so that a password with one would match the bytes before it.
        guard isBcrypt(hash), !password.utf8.contains(0) else { return false }
        var data = crypt_data()
        guard let result = crypt_r(password, hash, &data) else { return false }
        return isEqual(String(cString: result), hash)
    }

    /// Compares texts of equal length in constant time.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        return zip(left.utf8, right.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
