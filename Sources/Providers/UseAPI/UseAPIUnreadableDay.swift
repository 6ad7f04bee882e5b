import Foundation
import UsageModel
import Upstream

/// A day whose last query failed, and which is not worth another one at each sync: a response can be tens of MB. Stored
/// as JSON.
struct UseAPIUnreadableDay: Equatable, Codable {
    private let tried: Timestamp
    private let reason: FailureReason
    private let message: String

    /// How long such a day is left before it is queried again.
    static let pause = Duration.hours(1)

    /// Nil where the day is worth another query at the next sync: one that is still open.
    init?(_ failure: any ReasonedFailure, isOpen: Bool, now: Timestamp) {
        guard failure.reason == .decode, !isOpen else { return nil }
        tried = now
        reason = failure.reason
        message = failure.message
    }

    /// What was stored; nil where nothing was, or where it cannot be read.
    init?(stored: String?) {
        guard let stored, let day = try? JSONDecoder().decode(Self.self, from: Data(stored.utf8)) else { return nil }
        self = day
    }

    /// The name under which it is stored.
    static func name(of day: UTCDay) -> String { "unreadable/\(day)" }

    /// The stored form.
    func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    /// The failure to report until the day is queried again; nil from then on.
    func failure(at now: Timestamp) -> SourceFailure? {
        tried <= now && now < tried + Self.pause ? SourceFailure(reason, message) : nil
    }
}
