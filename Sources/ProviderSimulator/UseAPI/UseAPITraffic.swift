import UsageModel

/// Believable traffic of one bot: what `TrafficGenerator` makes, told in the words of useapi.net's statistics.
///
/// A model of the profile is a model of the bot (none for bots that tell none), its modality the endpoint. What the
/// generator does not know (linked account, status, duration, captcha) follows from the request's moment alone.
package struct UseAPITraffic: Sendable {
    /// A linked account.
    package struct Config: Sendable, Hashable {
        let name: String
        let tier: String?
        let sku: String?

        /// A linked account; `tier` and `sku` for google-flow alone.
        package init(_ name: String, tier: String? = nil, sku: String? = nil) {
            self.name = name
            self.tier = tier
            self.sku = sku
        }
    }

    let bot: String
    private let configs: [Config]
    private let generator: TrafficGenerator
    private let seed: UInt64

    /// The hour with which the traffic begins.
    var start: Timestamp { generator.start }

    /// Traffic of a bot, spread over its linked accounts, of which there must be one at least to have any.
    package init(
        bot: String, account: String, configs: [Config], profile: TrafficProfile, seed: UInt64, start: Timestamp
    ) {
        self.bot = bot
        self.configs = configs
        self.seed = seed
        generator = TrafficGenerator(seed: seed, account: "useapi/\(account)/\(bot)", profile: profile, start: start)
    }

    func requests(inHourOf hour: Timestamp) -> [UseAPIRequest] {
        guard !configs.isEmpty else { return [] }
        return generator.events(inHourOf: hour).map(request)
    }

    private func request(_ event: UsageEvent) -> UseAPIRequest {
        var random = SplitMix64(seed: SplitMix64.mixed(seed ^ UInt64(bitPattern: event.time.milliseconds)))
        // The first accounts do more than the last: of two picks the lower.
        let config = configs[min(random.below(configs.count), random.below(configs.count))]
        let endpoint = event.modality ?? "post-jobs"
        let isVideo = endpoint.contains("video")
        let code = event.succeeded ? (isVideo ? 201 : 200) : Self.failures[random.below(Self.failures.count)]
        let longest = event.succeeded ? (isVideo ? 170_000 : 24_000) : 9_000
        var request = UseAPIRequest(
            time: event.time, bot: bot, config: config.name, endpoint: endpoint, code: code,
            milliseconds: longest / 20 + random.below(longest), model: event.model.isEmpty ? nil : event.model,
            tier: config.tier, sku: config.sku,
            // "At least 5 minutes, but should not exceed 15 minutes."
            visibleFrom: event.time + .milliseconds(300_000 + random.below(600_000)))
        if config.tier != nil {
            let attempts = 1 + min(random.below(4), random.below(3))
            request.captchaRetries = attempts - 1
            request.captchaProviders = (0..<attempts).map { _ in random.below(9) == 0 ? "2Captcha" : "CapSolver" }
        }
        return request
    }

    /// The codes of failures, as often as they are.
    private static let failures = [403, 403, 403, 403, 429, 429, 400, 400, 500, 503]
}
