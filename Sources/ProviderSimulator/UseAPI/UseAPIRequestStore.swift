import NIOConcurrencyHelpers
import UsageModel

/// The requests of a useapi.net account, and the part of them that its statistics show now.
///
/// The clock determines the current time. With `traffic` the store also holds generated requests, generated on first
/// access.
package final class UseAPIRequestStore: Sendable {
    /// Identifies a request for a later change.
    package struct RequestID: Sendable, Hashable {
        let index: Int
    }

    /// The statistics of a bot that useapi.net has discontinued.
    package enum Retirement: Sendable, Hashable {
        /// An error with this HTTP status.
        case refused(Int)
        /// Empty, also on days that had requests.
        case emptied
    }

    private struct State {
        var retirements: [String: Retirement] = [:]
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

    /// A store with only the requests of `traffic`, whose starts must be equal.
    package init(clock: any WallClock, traffic: [UseAPITraffic] = []) {
        self.clock = clock
        self.traffic = traffic
    }

    /// Adds a request at any time, past or future.
    @discardableResult
    package func add(_ request: UseAPIRequest) -> RequestID {
        state.withLockedValue { $0.add(request) }
    }

    /// Adds requests at any times, past or future.
    package func add(_ requests: [UseAPIRequest]) {
        state.withLockedValue { state in for request in requests { _ = state.add(request) } }
    }

    /// Changes the status of a request in the statistics; returns false if the request does not exist.
    @discardableResult
    package func revise(_ id: RequestID, code: Int) -> Bool {
        state.withLockedValue { state in
            guard state.requests.indices.contains(id.index), state.requests[id.index] != nil else { return false }
            state.requests[id.index]?.code = code
            return true
        }
    }

    /// Removes a request from the statistics; returns false if the request does not exist.
    @discardableResult
    package func remove(_ id: RequestID) -> Bool {
        state.withLockedValue { state in
            guard state.requests.indices.contains(id.index), state.requests[id.index] != nil else { return false }
            state.requests[id.index] = nil
            return true
        }
    }

    /// Discontinues a bot; nil makes it available again.
    package func retire(_ bot: String, _ retirement: Retirement?) {
        state.withLockedValue { $0.retirements[bot] = retirement }
    }

    /// The status with which the statistics refuse a bot; nil if they do not.
    func refusal(of bot: String) -> Int? {
        state.withLockedValue { if case .refused(let status)? = $0.retirements[bot] { status } else { nil } }
    }

    /// The requests of a bot that the statistics show now, oldest first: of one UTC day or of all, of one config or of
    /// all.
    package func shown(bot: String, day: UTCDay? = nil, config: String? = nil) -> [UseAPIRequest] {
        withState { state, now in
            guard state.retirements[bot] != .emptied else { return [] }
            let days = day.map { [$0] } ?? Array(state.byDay.keys)
            return days.filter { $0.start > now - Self.retention }
                .flatMap { state.byDay[$0] ?? [] }
                .compactMap { state.requests[$0] }
                .filter { $0.bot == bot && $0.visibleFrom <= now && (config == nil || $0.config == config) }
                .sorted { $0.time < $1.time }
        }
    }

    /// All requests in a period that are visible now, as expected by tests.
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
    package var time: Timestamp
    package var bot: String
    /// The linked account that made it: an e-mail address or a channel.
    package var config: String
    /// The requested endpoint: `post-images`.
    package var endpoint: String
    package var code: Int
    package var milliseconds: Int
    /// The AI model; nil for bots that report none.
    package var model: String?
    /// google-flow: the captcha provider of each attempt; nil for other bots.
    package var captchaProviders: [String]?
    /// google-flow: captcha retries.
    package var captchaRetries: Int?
    /// google-flow: Google's plan family, empty for requests before 2026-05-21; nil for other bots.
    package var tier: String?
    /// google-flow: Google's subscription, empty for requests before 2026-05-21; nil for other bots.
    package var sku: String?
    /// The time from which the statistics show it: they lag by 5 to 15 minutes.
    package var visibleFrom: Timestamp

    /// A request, shown immediately unless `visibleFrom` is later.
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
