import UsageModel

/// The newer forms of the simulated FairStack's API; by default only those of the page "Usage API".
package struct FairStackForms: Sendable, Hashable {
    /// The status words of transactions.
    package var vocabulary = FairStackVocabulary.seed
    /// Whether `GET /v1/account` exists.
    package var hasAccount = false
    /// Whether `GET /v1/api-keys` exists.
    package var hasKeyList = false
    /// Endpoints that respond with this status, such as 403 for a key that lacks their scope.
    package var refused: [String: Int] = [:]

    package init() {}

    /// A mix of forms, derived from the seed. At least one of `GET /v1/credits` and `GET /v1/account` is available.
    package init(seed: UInt64) {
        var random = SplitMix64(seed: SplitMix64.mixed(seed &+ 1))
        vocabulary = FairStackVocabulary.allCases[random.below(FairStackVocabulary.allCases.count)]
        hasAccount = random.below(2) == 0
        hasKeyList = random.below(3) > 0
        if hasAccount, random.below(3) > 0 { refused["/v1/credits"] = [403, 404, 410][random.below(3)] }
        if hasKeyList, random.below(4) == 0 { refused["/v1/api-keys"] = 403 }
    }
}

/// The words for the status of a transaction.
package enum FairStackVocabulary: Sendable, Hashable, CaseIterable {
    /// The page "Usage API": `completed`. Every other status is shown as the simulation names it.
    case seed
    /// The page about jobs: `queued`, `processing`, `completed`, `failed`.
    case jobs
    /// The provider's CLI: `queued`, `processing`, `succeeded`, `failed`, `cancelled`.
    case cli
    /// The staging documentation: `queued`, `running`, `succeeded`, `partial`, `failed`.
    case staging

    /// Returns the word for a status in the simulation.
    func word(for status: String) -> String {
        switch (self, status) {
        case (.jobs, "pending"), (.cli, "pending"): "processing"
        case (.staging, "pending"): "running"
        case (.cli, "completed"), (.staging, "completed"): "succeeded"
        default: status
        }
    }
}

/// The outcome of a generation, which determines whether it is charged.
enum FairStackOutcome {
    case success, failure
    /// Cancelled by its user.
    case withdrawn
    /// Not final.
    case pending

    /// - Parameter micro: the charge, which determines the meaning of a status that no document lists.
    init(status: String, micro: Int) {
        switch status {
        case "completed", "succeeded", "partial": self = .success
        case "failed", "refunded": self = .failure
        case "cancelled": self = .withdrawn
        case "pending", "queued", "processing", "running": self = .pending
        default: self = micro > 0 ? .success : .pending
        }
    }
}

/// A key in the list of `GET /v1/api-keys`.
package struct FairStackListedKey: Sendable, Hashable {
    package let id: String
    package let name: String
    /// The cap on all spending of the key in millionths of a dollar; nil for none.
    package let capTotalMicro: Int?
    package let createdAt: Timestamp

    package init(id: String, name: String, capTotalMicro: Int? = nil, createdAt: Timestamp) {
        self.id = id
        self.name = name
        self.capTotalMicro = capTotalMicro
        self.createdAt = createdAt
    }

    /// The first 12 characters of each secret, which no exporter may store or serve.
    package static let prefix = "fs_live_9aK2"
}
