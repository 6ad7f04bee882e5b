import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated CheapestInference.
package final class CheapestInferenceAccount: Sendable {
    /// The name in tests and in the request log.
    package let name: String
    package let managementToken: String
    package let keys: [CheapestInferenceKey]
    /// Prepaid balance, shared by all keys.
    package let balance: PrepaidBalance
    /// Subscriptions to plans and pledges to pools.
    package let subscriptions: [CheapestInferenceSubscription]

    /// "Rate limited to 12 requests per 12 hours."
    static let usageLimit = 12
    static let usageSpan = Duration.hours(12)

    private let usageRequests = NIOLockedValueBox<[Timestamp]>([])
    private let ownTopUps = NIOLockedValueBox(ExactDecimal.zero)

    package init(
        name: String, managementToken: String, keys: [CheapestInferenceKey], balance: PrepaidBalance,
        subscriptions: [CheapestInferenceSubscription] = []
    ) {
        self.name = name
        self.managementToken = managementToken
        self.keys = keys
        self.balance = balance
        self.subscriptions = subscriptions
    }

    /// The owner pays in an amount in USD; a negative amount is one that the provider takes back.
    package func topUp(_ amount: ExactDecimal) {
        ownTopUps.withLockedValue { $0 += amount }
    }

    /// Remaining balance, in USD.
    var remaining: ExactDecimal {
        balance.remaining(afterSpending: spent) + ownTopUps.withLockedValue { $0 }
    }

    /// USD paid in since the account's creation, including the opening balance.
    package var totalTopUp: ExactDecimal { remaining + spent }

    private var spent: ExactDecimal { keys.reduce(.zero) { $0 + $1.spentInAll } }

    /// Counts a request to the usage endpoints. Returns the seconds until the next one is allowed if the limit is
    /// reached.
    func takePlace(at now: Timestamp) -> Int? {
        usageRequests.withLockedValue { requests in
            requests.removeAll { $0 <= now - Self.usageSpan }
            if requests.count >= Self.usageLimit, let oldest = requests.first {
                return Int((oldest + Self.usageSpan - now).inSeconds.rounded(.up))
            }
            requests.append(now)
            return nil
        }
    }
}

/// A subscription to a flat plan, or a pledge to a pool, at the simulated CheapestInference.
package struct CheapestInferenceSubscription: Sendable, Hashable {
    package let id: String
    /// The plan's or the pool's name in the API.
    package let slug: String
    /// Whether it is a pledge to a pool.
    package let isPool: Bool
    /// End of its first period; later periods have 30 days.
    package let periodEnd: Timestamp
    /// Whether it ends then.
    package var cancelsAtPeriodEnd = false
    /// Ids of its keys.
    package var keyIDs: [String] = []

    package init(id: String, slug: String, isPool: Bool, periodEnd: Timestamp) {
        self.id = id
        self.slug = slug
        self.isPool = isPool
        self.periodEnd = periodEnd
    }

    /// The end of the period that contains the given time, or of the last one.
    func currentPeriodEnd(at now: Timestamp) -> Timestamp {
        var end = periodEnd
        while !cancelsAtPeriodEnd, end <= now { end = end + .days(30) }
        return end
    }

    func status(at now: Timestamp) -> String {
        cancelsAtPeriodEnd && periodEnd <= now ? "canceled" : "active"
    }
}
