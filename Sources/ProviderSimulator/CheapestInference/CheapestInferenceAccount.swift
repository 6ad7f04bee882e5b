import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated CheapestInference.
public final class CheapestInferenceAccount: Sendable {
    /// How tests and the request log name it.
    public let name: String
    /// Its management key.
    public let managementToken: String
    /// Its consumption keys.
    public let keys: [CheapestInferenceKey]
    /// Its prepaid money, which all keys use up.
    public let balance: PrepaidBalance

    /// "Rate limited to 12 requests per 12 hours."
    static let usageLimit = 12
    static let usageSpan = Duration.hours(12)

    private let usageRequests = NIOLockedValueBox<[Timestamp]>([])

    /// An account.
    public init(name: String, managementToken: String, keys: [CheapestInferenceKey], balance: PrepaidBalance) {
        self.name = name
        self.managementToken = managementToken
        self.keys = keys
        self.balance = balance
    }

    /// What is left of the balance, in USD.
    var remaining: ExactDecimal {
        balance.remaining(afterSpending: keys.reduce(.zero) { $0 + $1.spentInAll })
    }

    /// Takes a place in the allowance of the usage endpoints; the seconds until there is one where none is left.
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
