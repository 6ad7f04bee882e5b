import UsageModel

/// An account at the simulated useapi.net.
package struct UseAPIAccount: Sendable {
    /// The linked accounts of one service.
    package struct Service: Sendable, Hashable {
        /// The service's name: `Midjourney API`.
        package let name: String
        /// Accounts without an issue.
        package let active: Int
        /// Accounts with an issue; omitted from the response if zero.
        package let error: Int

        package init(_ name: String, active: Int, error: Int = 0) {
            self.name = name
            self.active = active
            self.error = error
        }
    }

    /// The name in tests and in the request log.
    package let name: String
    package let token: String
    package let store: UseAPIRequestStore
    package let services: [Service]
    /// Whether its subscription is active; statistics require one.
    package let isSubscribed: Bool
    package var quirks = UseAPIQuirks()

    package init(
        name: String, token: String, store: UseAPIRequestStore, services: [Service] = [], isSubscribed: Bool = true
    ) {
        self.name = name
        self.token = token
        self.store = store
        self.services = services
        self.isSubscribed = isSubscribed
    }
}

/// The useapi.net API: `GET /v2/account/stats` as documented on the page "Query Usage Statistics", and `GET
/// /v2/account`.
package struct UseAPIAPI: SimulatedProvider {
    package let name = "useapi"

    /// The documented bots, and the newer `flowmusic`.
    package static let bots = [
        "midjourney", "google-flow", "dreamina", "kling", "runwayml", "pixverse", "minimax", "mureka", "tempolor",
        "ltxstudio", "luma", "flowmusic",
    ]

    /// The maximum of the query parameter `limit`.
    package static let largestLimit = 50_000

    private let accounts: [UseAPIAccount]

    package init(accounts: [UseAPIAccount]) {
        self.accounts = accounts
    }

    package func account(ofToken token: String) -> String? {
        accounts.first { $0.token == token }?.name
    }

    /// The documented response; 401 without a known token, 402 without a subscription, 404 for any other path or
    /// method.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard let account = accounts.first(where: { $0.name == request.account }) else {
            return error(401, "Unauthorized")
        }
        if account.quirks.fails(request) { return SimulatedResponse(body: error(500, "Internal error").body) }
        switch (request.method, request.endpoint) {
        case ("GET", "/v2/account/stats"):
            return account.isSubscribed
                ? stats(of: account, request, style) : error(402, "Subscription is not active")
        case ("GET", "/v2/account"):
            return SimulatedResponse(body: status(of: account))
        default:
            return error(404, "Not found")
        }
    }

    /// `{"error": "Unauthorized"}` under the same HTTP status.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(status: status, body: ["error": .string(message)])
    }

    private func stats(of account: UseAPIAccount, _ request: APIRequest, _ style: AnswerStyle) -> SimulatedResponse {
        guard let bot = request.query["bot"], !bot.isEmpty else { return error(400, "Parameter bot is required") }
        guard Self.bots.contains(bot) else { return error(400, "Parameter bot (\(bot)) is not supported") }
        if let status = account.store.refusal(of: bot) { return error(status, "Bot (\(bot)) is discontinued") }
        let config = request.query["config"].flatMap { $0.isEmpty ? nil : $0 }
        if let text = request.query["limit"] {
            guard let limit = Int(text), (1...Self.largestLimit).contains(limit) else {
                return error(400, "Parameter limit must be from 1 to \(Self.largestLimit)")
            }
            let counted = Array(account.store.shown(bot: bot, config: config).suffix(limit))
            let rows = account.quirks.listed(counted, of: nil, now: request.time)
            return SimulatedResponse(
                body: UseAPIStatsResponse(
                    bot: bot, filter: ("limit", .count(limit)), config, rows,
                    counted: account.quirks.countsListOnly ? rows : counted, style
                ).body)
        }
        guard let day = request.query["date"].map({ UTCDay($0) }) ?? request.time.day else {
            return error(400, "Parameter date must be in YYYY-MM-DD format")
        }
        let counted = account.store.shown(bot: bot, day: day, config: config)
        let rows = account.quirks.listed(counted, of: day, now: request.time)
        return SimulatedResponse(
            body: UseAPIStatsResponse(
                bot: bot, filter: ("date", .string(day.description)), config, rows,
                counted: account.quirks.countsListOnly ? rows : counted, style
            ).body)
    }

    private func status(of account: UseAPIAccount) -> JSONValue {
        let services = account.services.map { service in
            var counts: [JSONValue.Member] = [
                .init("total", .count(service.active + service.error)), .init("active", .count(service.active)),
            ]
            if service.error > 0 { counts.append(.init("error", .count(service.error))) }
            return JSONValue.Member(service.name, .object(counts))
        }
        return [
            "id": .count(1), "email": .string("\(account.name)@example.com"),
            "subscriptionIsActive": .bool(account.isSubscribed), "subscriptions": .count(1),
            "accounts": .object(services),
        ]
    }
}

/// Ways in which the simulated useapi.net deviates from its documentation; none unless set.
package struct UseAPIQuirks: ErrorObjects, Sendable, Hashable {
    /// How far the list lags behind the count and the summary.
    package var listLag = Duration.zero
    /// Whether requests of the open day are counted but not listed.
    package var hidesRowsOfOpenDay = false
    /// The maximum number of listed requests, the newest ones; nil for all.
    package var longestList: Int?
    /// Whether count and summary cover only the list ("total records returned") instead of the day.
    package var countsListOnly = false
    /// The share of requests that get an error object with status 200, in percent.
    package var errorPercentage = 0
    /// Selects those requests.
    package var seed: UInt64 = 0

    package init() {}

    /// A mix of deviations, derived from the seed.
    package init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: SplitMix64.mixed(seed))
        listLag = [Duration.zero, .minutes(5), .minutes(15)][random.below(3)]
        hidesRowsOfOpenDay = random.below(3) == 0
        errorPercentage = random.below(3) * 5
    }

    /// The listed part of a query's requests, oldest first.
    ///
    /// - Parameter day: the day of the query; nil for a query across all days.
    func listed(_ requests: [UseAPIRequest], of day: UTCDay?, now: Timestamp) -> [UseAPIRequest] {
        if hidesRowsOfOpenDay, day == now.day { return [] }
        let listed = listLag == .zero ? requests : requests.filter { $0.visibleFrom <= now - listLag }
        return longestList.map { Array(listed.suffix($0)) } ?? listed
    }
}
