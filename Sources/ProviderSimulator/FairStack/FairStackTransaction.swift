import UsageModel

/// A transaction at the simulated FairStack: a generation, money paid in, or money given back.
public struct FairStackTransaction: Sendable, Hashable {
    /// The values of `type`.
    public enum Kind: String, Sendable, Hashable {
        /// A request for an image, a video, a voice or music.
        case generation
        /// Money paid in.
        case topUp = "top_up"
        /// Money given back.
        case refund
    }

    /// The API's id of it; unique in an account.
    public let id: String
    /// What it is.
    public let kind: Kind
    /// `created_at`, to the second.
    public let time: Timestamp
    /// The id of the key that made it; nil for what no key did. The API does not show it, and counts by it.
    public var key: String?
    /// The model; nil for what is no generation. Empty: in the totals, and named under no model.
    public var model: String?
    /// `image`, `video`, `voice` or `music`. Empty: in the totals, and named under no modality.
    public var modality: String?
    /// Millionths of a dollar: what was charged; below zero for money paid in or given back.
    public var micro: Int
    /// The status that it comes to: `completed`, `failed`, `refunded`.
    public var status: String
    /// Before this moment it is `pending`.
    public var decidedAt: Timestamp
    /// The API does not show it before this moment.
    public var visibleFrom: Timestamp

    /// A transaction, decided and shown at once unless said otherwise.
    public init(
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
