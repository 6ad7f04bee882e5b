import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated FairStack.
public struct FairStackAccount: Sendable {
    /// A spending cap for the running month (UTC), in millionths of a dollar.
    public struct Cap: Sendable, Hashable {
        /// `organization`, `project` or `key`.
        public let scope: String
        /// Nil where the scope has none.
        public let micro: Int?

        /// A cap.
        public init(scope: String, micro: Int?) {
            self.scope = scope
            self.micro = micro
        }
    }

    /// How tests and the request log name it.
    public let name: String
    /// Its API key.
    public let token: String
    /// What it did.
    public let store: FairStackStore
    /// Ids of the keys that `key_id` may ask for; an unknown one is answered with 404.
    public var keyIDs: Set<String> = []
    /// The key's scopes; without `credits:read` every answer is 403.
    public var scopes: Set<String> = ["credits:read"]
    /// Whether there is a `GET /v1/credits`.
    public var hasCredits = true
    /// Its caps.
    public var caps: [Cap] = []
    /// Whether answers come inside `{"request_id", "data"}`, and errors with `type`.
    public var wrapsBodies = false
    /// The currency of its money.
    public var currency = "USD"
    /// How many requests it may make.
    public var rateLimit: FairStackRateLimit?
    /// How it deviates from its documentation.
    public var quirks = FairStackQuirks()

    /// An account.
    public init(name: String, token: String, store: FairStackStore) {
        self.name = name
        self.token = token
        self.store = store
    }
}

/// Requests in the last minute, by the simulator's clock; those beyond are refused with 429.
public final class FairStackRateLimit: Sendable {
    /// Requests in any minute.
    public let perMinute: Int
    private let times = NIOLockedValueBox<[Timestamp]>([])

    /// A limit.
    public init(perMinute: Int) {
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
