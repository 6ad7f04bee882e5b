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
    /// Verdicts that are remembered.
    private static let remembered = 256

    private struct State {
        var verdicts: [SHA256.Digest: Bool] = [:]
        var waiting = 0
    }

    private let state = NIOLockedValueBox(State())
    private let queue = DispatchQueue(label: "passwords", qos: .utility)

    /// Whether the user exists and has this password; nil where too many wait already.
    func isRight(user: String, password: String, users: [String: String]) async -> Bool? {
        let hash = users[user] ?? PasswordHash.ofNobody
        let key = Self.key([user, hash, password])
        let known = state.withLockedValue { state -> Bool? in
            if let known = state.verdicts[key] { return known }
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
            if state.verdicts.count >= Self.remembered { state.verdicts.removeAll() }
            state.verdicts[key] = verdict
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
