import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated FairStack.
package struct FairStackAccount: Sendable {
    /// A spending cap for the running month (UTC), in millionths of a dollar.
    package struct Cap: Sendable, Hashable {
        /// `organization`, `project` or `key`.
        package let scope: String
        /// Nil where the scope has none.
        package let micro: Int?

        /// A cap.
        package init(scope: String, micro: Int?) {
            self.scope = scope
            self.micro = micro
        }
    }

    /// How tests and the request log name it.
    package let name: String
    /// Its API key.
    package let token: String
    /// What it did.
    package let store: FairStackStore
    /// Ids of the keys that `key_id` may ask for; an unknown one is answered with 404.
    package var keyIDs: Set<String> = []
    /// The key's scopes; without `credits:read` every answer is 403.
    package var scopes: Set<String> = ["credits:read"]
    /// Whether there is a `GET /v1/credits`.
    package var hasCredits = true
    /// Its caps.
    package var caps: [Cap] = []
    /// Whether answers come inside `{"request_id", "data"}`, and errors with `type`.
    package var wrapsBodies = false
    /// The currency of its money.
    package var currency = "USD"
    /// How many requests it may make.
    package var rateLimit: FairStackRateLimit?
    /// How it deviates from its documentation.
    package var quirks = FairStackQuirks()

    /// An account.
    package init(name: String, token: String, store: FairStackStore) {
        self.name = name
        self.token = token
        self.store = store
    }
}

/// Requests in the last minute, by the simulator's clock; those beyond are refused with 429.
package final class FairStackRateLimit: Sendable {
    /// Requests in any minute.
    package let perMinute: Int
    private let times = NIOLockedValueBox<[Timestamp]>([])

    /// A limit.
    package init(perMinute: Int) {
        self.perMinute = perMinute
    }

    /// Counts a request: how many are left, below zero if it is one too many, and the seconds until one is free.
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

/// A transaction at the simulated FairStack: a generation, money paid in, or money given back.
package struct FairStackTransaction: Sendable, Hashable {
    /// The values of `type`.
    package enum Kind: String, Sendable, Hashable {
        /// A request for an image, a video, a voice or music.
        case generation
        /// Money paid in.
        case topUp = "top_up"
        /// Money given back.
        case refund
    }

    /// The API's id of it; unique in an account.
    package let id: String
    /// What it is.
    package let kind: Kind
    /// `created_at`, to the second.
    package let time: Timestamp
    /// The id of the key that made it; nil for what no key did. The API does not show it, and counts by it.
    package var key: String?
    /// The model; nil for what is no generation. Empty: in the totals, and named under no model.
    package var model: String?
    /// `image`, `video`, `voice` or `music`. Empty: in the totals, and named under no modality.
    package var modality: String?
    /// Millionths of a dollar: what was charged; below zero for money paid in or given back.
    package var micro: Int
    /// The status that it comes to: `completed`, `failed`, `refunded`.
    package var status: String
    /// Before this moment it is `pending`.
    package var decidedAt: Timestamp
    /// The API does not show it before this moment.
    package var visibleFrom: Timestamp

    /// A transaction, decided and shown at once unless said otherwise.
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

    /// The status that the API shows at a moment.
    func status(at now: Timestamp) -> String { decidedAt <= now ? status : "pending" }

    /// Whether `GET /v1/usage` counts it at a moment: "successful generations".
    func isUsage(at now: Timestamp) -> Bool {
        kind == .generation && visibleFrom <= now && status(at: now) == "completed"
    }
}
