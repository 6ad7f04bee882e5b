import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated FairStack.
package struct FairStackAccount: Sendable {
    /// A spending cap for the current month (UTC), in millionths of a dollar.
    package struct Cap: Sendable, Hashable {
        /// `organization`, `project` or `key`.
        package let scope: String
        /// Nil if the scope has no cap.
        package let micro: Int?

        package init(scope: String, micro: Int?) {
            self.scope = scope
            self.micro = micro
        }
    }

    /// The name in tests and in the request log.
    package let name: String
    package let token: String
    package let store: FairStackStore
    /// Key ids valid in the query parameter `key_id`; an unknown one gets a 404.
    package var keyIDs: Set<String> = []
    /// The key's scopes; without `credits:read` every response is 403.
    package var scopes: Set<String> = ["credits:read"]
    /// Whether `GET /v1/credits` exists.
    package var hasCredits = true
    package var caps: [Cap] = []
    /// The keys of `GET /v1/api-keys`.
    package var listedKeys: [FairStackListedKey] = []
    /// The owner, in the response of `GET /v1/account`; no exporter may store or serve it.
    package var owner = (name: "Ada Example", email: "ada@example.com")
    /// Whether responses are wrapped in `{"request_id", "data"}`, and errors have `type`.
    package var wrapsBodies = false
    package var currency = "USD"
    /// Rate limit; nil for none.
    package var rateLimit: FairStackRateLimit?
    package var quirks = FairStackQuirks()
    package var forms = FairStackForms()

    package init(name: String, token: String, store: FairStackStore) {
        self.name = name
        self.token = token
        self.store = store
    }
}

/// Limits the requests in the last minute, by the simulator's clock; those beyond get a 429.
package final class FairStackRateLimit: Sendable {
    package let perMinute: Int
    private let times = NIOLockedValueBox<[Timestamp]>([])

    package init(perMinute: Int) {
        self.perMinute = perMinute
    }

    /// Counts a request. Returns how many are left, negative if over the limit, and the seconds until one is available.
    func take(at now: Timestamp) -> (remaining: Int, reset: Int) {
        times.withLockedValue { times in
            times.removeAll { $0 <= now - .minutes(1) }
            let remaining = perMinute - times.count - 1
            if remaining >= 0 { times.append(now) }
            let wait = times.first.map { $0 + .minutes(1) - now } ?? .zero
            return (remaining, Int(wait.inSeconds.rounded(.up)))
        }
    }
}

/// A transaction at the simulated FairStack: a generation, a top-up or a refund.
package struct FairStackTransaction: Sendable, Hashable {
    /// The values of `type`.
    package enum Kind: String, Sendable, Hashable {
        /// A request for an image, a video, a voice or music.
        case generation
        case topUp = "top_up"
        case refund
    }

    /// The API's id, unique within an account.
    package let id: String
    package let kind: Kind
    /// `created_at`, to the second.
    package let time: Timestamp
    /// The id of the key that made it; nil if it was not made with a key. The API does not show it, but filters by it.
    package var key: String?
    /// The model; nil unless this is a generation. Empty: counted in the totals, but listed under no model.
    package var model: String?
    /// `image`, `video`, `voice`, `music` or another one. Empty: counted in the totals, but listed under no modality.
    package var modality: String?
    /// The charge in millionths of a dollar; negative for top-ups and refunds.
    package var micro: Int
    /// The final status: `completed`, `succeeded`, `partial`, `failed`, `refunded`, `cancelled` or another word.
    package var status: String
    /// The status is `pending` before this time.
    package var decidedAt: Timestamp
    /// The time from which the API shows it.
    package var visibleFrom: Timestamp

    /// A transaction, final and shown immediately unless specified otherwise.
    package init(
        id: String, kind: Kind = .generation, time: Timestamp, key: String? = nil, model: String? = nil,
        modality: String? = nil, micro: Int, status: String = "completed", decidedAt: Timestamp? = nil,
        visibleFrom: Timestamp? = nil
    ) {
        self.id = id
        self.kind = kind
        self.time = Timestamp(milliseconds: time.milliseconds - time.milliseconds % 1000)
        self.key = key
        self.model = model
        self.modality = modality
        self.micro = micro
        self.status = status
        self.decidedAt = decidedAt ?? time
        self.visibleFrom = max(time, visibleFrom ?? time)
    }

    /// The status that the API shows at the given time.
    func status(at now: Timestamp) -> String { decidedAt <= now ? status : "pending" }

    /// The outcome at the given time.
    func outcome(at now: Timestamp) -> FairStackOutcome { FairStackOutcome(status: status(at: now), micro: micro) }

    /// Whether its amount is settled and shown at the given time.
    func isSettled(at now: Timestamp) -> Bool { visibleFrom <= now && outcome(at: now) == .success }

    /// Whether `GET /v1/usage` counts it at the given time: "successful generations".
    func isUsage(at now: Timestamp) -> Bool { kind == .generation && isSettled(at: now) }
}
