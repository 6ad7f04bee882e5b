import Foundation
import UsageModel
import Upstream

/// Configured keys whose last query failed. A value type, stored as JSON so that every sync reports the failure.
struct FairStackRefusedKeys: Equatable {
    private struct Refusal: Equatable, Codable {
        let key: FairStackKey
        let since: Timestamp
        let reason: FailureReason
        let message: String
    }

    /// How long a key may fail with a possibly transient error before its account is read without it.
    static let patience = Duration.hours(1)
    /// The status codes for an unknown or malformed id.
    private static let refusing = [400, 404, 410, 422]

    private let configured: [FairStackKey]
    private var refusals: [Refusal] = []
    /// The keys that were given up in this sync; they are not queried for its other days.
    private var givenUp: Set<FairStackKey> = []

    /// - Parameter configured: the keys of the config. A key that was removed from it is not reported.
    init(stored: String?, configured: [FairStackKey]) {
        self.configured = configured
        let all = stored.flatMap { try? JSONDecoder().decode([Refusal].self, from: Data($0.utf8)) } ?? []
        refusals = all.filter { configured.contains($0.key) }
    }

    /// Returns the JSON to store; nil if no key is refused.
    func encoded() throws -> String? {
        guard !refusals.isEmpty else { return nil }
        return try RememberedJSON.text(of: refusals)
    }

    /// Whether the failure of a key is reported.
    func contains(_ key: FairStackKey) -> Bool { refusals.contains { $0.key == key } }

    func hasGivenUp(_ key: FairStackKey) -> Bool { givenUp.contains(key) }

    /// The failure to report; nil if no key is refused.
    var failure: SourceFailure? { refusals.first.map { SourceFailure($0.reason, $0.message) } }

    /// Removes the failure of a key after a successful query.
    mutating func accept(_ key: FairStackKey) {
        refusals.removeAll { $0.key == key }
    }

    /// Records a failed query of a key.
    ///
    /// - Returns: whether the day is to be read without the key; false if the failure may be transient.
    mutating func giveUp(_ key: FairStackKey, after failure: any ReasonedFailure, now: Timestamp) -> Bool {
        let isRefused = (failure as? UpstreamFailure)?.status.map(Self.refusing.contains) ?? false
        guard isRefused || failure.reason == .decode || failure.reason == .http5xx else { return false }
        guard configured.contains(key) else {
            givenUp.insert(key)
            return true
        }
        let hint = isRefused ? ": is its id in the config right?" : ""
        let since = refusals.first { $0.key == key }?.since ?? now
        accept(key)
        refusals.append(
            Refusal(
                key: key, since: since, reason: failure.reason,
                message: "\(failure.message); queried for the key \(key.name)\(hint)"))
        guard isRefused || since + Self.patience <= now else { return false }
        givenUp.insert(key)
        return true
    }
}
