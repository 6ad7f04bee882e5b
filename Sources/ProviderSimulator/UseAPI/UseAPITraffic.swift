import UsageModel

/// Realistic traffic of one bot: the events of `TrafficGenerator` as requests of useapi.net's statistics.
///
/// A model of the profile is a model of the bot (empty for bots that report none), its modality the endpoint. Linked
/// account, status, duration and captcha depend only on the request's time and the seed.
package struct UseAPITraffic: Sendable {
    /// A linked account.
    package struct Config: Sendable, Hashable {
        let name: String
        let tier: String?
        let sku: String?

        /// `tier` and `sku` exist only for google-flow.
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

    /// The first hour of the traffic.
    var start: Timestamp { generator.start }

    /// Traffic of a bot, spread over its linked accounts; without any there is no traffic.
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
        // The minimum of two picks, so that the first accounts get more requests than the last.
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

    /// Status codes of failures, weighted by repetition.
    private static let failures = [403, 403, 403, 403, 429, 429, 400, 400, 500, 503]
}
