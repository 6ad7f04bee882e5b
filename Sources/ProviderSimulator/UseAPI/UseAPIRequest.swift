import UsageModel

/// One request to a bot of useapi.net, as its statistics list it.
public struct UseAPIRequest: Sendable, Hashable {
    /// When it was made.
    public var time: Timestamp
    /// The bot: `google-flow`, `midjourney`, …
    public var bot: String
    /// The linked account that it went through: an e-mail address, a channel.
    public var config: String
    /// What was asked for: `post-images`.
    public var endpoint: String
    /// The HTTP status.
    public var code: Int
    /// How long it took, in milliseconds.
    public var milliseconds: Int
    /// The AI model; nil for bots that tell none.
    public var model: String?
    /// google-flow: the captcha providers tried, one for each attempt; nil for other bots.
    public var captchaProviders: [String]?
    /// google-flow: how often the captcha was tried again.
    public var captchaRetries: Int?
    /// google-flow: Google's plan family, empty for requests before 2026-05-21; nil for other bots.
    public var tier: String?
    /// google-flow: Google's subscription, empty for requests before 2026-05-21; nil for other bots.
    public var sku: String?
    /// The statistics do not show it before this moment: they lag by 5 to 15 minutes.
    public var visibleFrom: Timestamp

    /// A request, shown at once unless `visibleFrom` is later.
    public init(
        time: Timestamp, bot: String, config: String, endpoint: String, code: Int = 200, milliseconds: Int = 1000,
        model: String? = nil, captchaProviders: [String]? = nil, captchaRetries: Int? = nil, tier: String? = nil,
        sku: String? = nil, visibleFrom: Timestamp? = nil
    ) {
        self.time = time
        self.bot = bot
        self.config = config
        self.endpoint = endpoint
        self.code = code
        self.milliseconds = milliseconds
        self.model = model
        self.captchaProviders = captchaProviders
        self.captchaRetries = captchaRetries
        self.tier = tier
        self.sku = sku
        self.visibleFrom = max(time, visibleFrom ?? time)
    }
}
