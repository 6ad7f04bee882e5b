import NIOConcurrencyHelpers
import UsageModel

/// The requests of a useapi.net account, and which of them its statistics show at the moment.
///
/// The present comes from the clock. With `traffic` the store also holds generated requests, made when somebody first
/// asks for them.
package final class UseAPIRequestStore: Sendable {
    /// Names a request for a later change.
    package struct RequestID: Sendable, Hashable {
        let index: Int
    }

    private struct State {
        var requests: [UseAPIRequest?] = []
        var byDay: [UTCDay: [Int]] = [:]
        var generatedUpTo: Timestamp?

        mutating func add(_ request: UseAPIRequest) -> RequestID {
            byDay[request.time.day, default: []].append(requests.count)
            requests.append(request)
            return RequestID(index: requests.count - 1)
        }
    }

    /// "Data is retained for 3 months."
    package static let retention = Duration.days(90)

    private let clock: any WallClock
    private let traffic: [UseAPITraffic]
    private let state = NIOLockedValueBox(State())

    /// A store without requests but those of `traffic`, whose starts must be the same.
    package init(clock: any WallClock, traffic: [UseAPITraffic] = []) {
        self.clock = clock
        self.traffic = traffic
    }

    /// Adds a request, whenever it happened.
    @discardableResult
    package func add(_ request: UseAPIRequest) -> RequestID {
        state.withLockedValue { $0.add(request) }
    }

    /// Adds requests, whenever they happened.
    package func add(_ requests: [UseAPIRequest]) {
        state.withLockedValue { state in for request in requests { _ = state.add(request) } }
    }

    /// The statistics tell another status of a request than before; false where there is no such request.
    @discardableResult
    package func revise(_ id: RequestID, code: Int) -> Bool {
        state.withLockedValue { state in
            guard state.requests.indices.contains(id.index), state.requests[id.index] != nil else { return false }
            state.requests[id.index]?.code = code
            return true
        }
    }

    /// The statistics drop a request; false where there is no such request.
    @discardableResult
    package func remove(_ id: RequestID) -> Bool {
        state.withLockedValue { state in
            guard state.requests.indices.contains(id.index), state.requests[id.index] != nil else { return false }
            state.requests[id.index] = nil
            return true
        }
    }

    /// The requests of a bot that the statistics show now, oldest first: of one UTC day or of all, of one config or of
    /// all.
    package func shown(bot: String, day: UTCDay? = nil, config: String? = nil) -> [UseAPIRequest] {
        withState { state, now in
            let days = day.map { [$0] } ?? Array(state.byDay.keys)
            return days.filter { $0.start > now - Self.retention }
                .flatMap { state.byDay[$0] ?? [] }
                .compactMap { state.requests[$0] }
                .filter { $0.bot == bot && $0.visibleFrom <= now && (config == nil || $0.config == config) }
                .sorted { $0.time < $1.time }
        }
    }

    /// Every request made in a period that may be shown by now: what a test counts anew.
    package func visible(in period: Period) -> [UseAPIRequest] {
        withState { state, now in
            state.requests.compactMap { $0 }.filter { period.contains($0.time) && $0.visibleFrom <= now }
        }
    }

    private func withState<Value>(_ body: (inout State, Timestamp) -> Value) -> Value {
        state.withLockedValue { state in
            let now = clock.now
            if let start = traffic.first?.start {
                var hour = state.generatedUpTo ?? start
                while hour <= now {
                    for request in traffic.flatMap({ $0.requests(inHourOf: hour) }) { _ = state.add(request) }
                    hour = hour + .hours(1)
                }
                state.generatedUpTo = hour
            }
            return body(&state, now)
        }
    }
}

/// One request to a bot of useapi.net, as its statistics list it.
package struct UseAPIRequest: Sendable, Hashable {
    /// When it was made.
    package var time: Timestamp
    /// The bot: `google-flow`, `midjourney`, …
    package var bot: String
    /// The linked account that it went through: an e-mail address, a channel.
    package var config: String
    /// What was asked for: `post-images`.
    package var endpoint: String
    /// The HTTP status.
    package var code: Int
    /// How long it took, in milliseconds.
    package var milliseconds: Int
    /// The AI model; nil for bots that tell none.
    package var model: String?
    /// google-flow: the captcha providers tried, one for each attempt; nil for other bots.
    package var captchaProviders: [String]?
    /// google-flow: how often the captcha was tried again.
    package var captchaRetries: Int?
    /// google-flow: Google's plan family, empty for requests before 2026-05-21; nil for other bots.
    package var tier: String?
    /// google-flow: Google's subscription, empty for requests before 2026-05-21; nil for other bots.
    package var sku: String?
    /// The statistics do not show it before this moment: they lag by 5 to 15 minutes.
    package var visibleFrom: Timestamp

    /// A request, shown at once unless `visibleFrom` is later.
    package init(
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
