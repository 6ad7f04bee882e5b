import Crypto
import Dispatch
import Foundation
import NIOConcurrencyHelpers

/// Tells whether a user's password is right: one after the other, on a thread of its own, and each pair only once.
///
/// A hash costs a good part of a second of one core. Taken by the threads that serve scrapes, a few wrong passwords a
/// second would keep all of them busy.
final class PasswordVerifier: Sendable {
    /// Passwords that may wait for their turn; beyond, the answer is no at once.
    static let longestQueue = 32
    /// Wrong passwords that are remembered.
    private static let rememberedWrong = 256
    /// Right passwords that are remembered of each user: of bytes beyond the 72nd bcrypt takes no notice, so that one hash
    /// has several.
    private static let rememberedRight = 4

    /// Digests of passwords, apart from each other so that no number of wrong ones drives out a right one.
    private struct State {
        /// By user, oldest first.
        var right: [String: [SHA256.Digest]] = [:]
        var wrong: Set<SHA256.Digest> = []
        var waiting = 0

        func verdict(_ user: String, _ key: SHA256.Digest) -> Bool? {
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
            // Of requests that came together each was checked.
            guard right[user]?.contains(key) != true else { return }
            right[user, default: []].append(key)
            if right[user, default: []].count > PasswordVerifier.rememberedRight { right[user]?.removeFirst() }
        }
    }

    private let state = NIOLockedValueBox(State())
    private let queue = DispatchQueue(label: "passwords", qos: .utility)

    /// Whether the user exists and has this password; nil where too many wait already.
    func isRight(user: String, password: String, users: [String: String]) async -> Bool? {
        let hash = users[user] ?? PasswordHash.dummy(likeCostliestOf: users.values)
        // The hash is part of it: a change of the password in the web config makes every digest of the old one useless.
        let key = Self.key([user, hash, password])
        let known = state.withLockedValue { state -> Bool? in
            if let known = state.verdict(user, key) { return known }
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
        let verdict = matches && users[user] != nil
        state.withLockedValue { state in
            state.waiting -= 1
            state.remember(verdict, user, key, users: users)
        }
        return verdict
    }

    /// No two triples have one key: each part is told from the next by its length. The password itself is not kept.
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
