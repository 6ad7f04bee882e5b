import UsageModel

/// An account at the simulated useapi.net.
package struct UseAPIAccount: Sendable {
    /// The linked accounts of one service.
    package struct Service: Sendable, Hashable {
        /// The service's name: `Midjourney API`.
        package let name: String
        /// Accounts in order.
        package let active: Int
        /// Accounts with an issue; left out of the answer where there are none.
        package let error: Int

        /// The linked accounts of a service.
        package init(_ name: String, active: Int, error: Int = 0) {
            self.name = name
            self.active = active
            self.error = error
        }
    }

    /// How tests and the request log name it.
    package let name: String
    /// Its API token.
    package let token: String
    /// What its bots did.
    package let store: UseAPIRequestStore
    /// Its linked accounts.
    package let services: [Service]
    /// Whether its subscription is active; without it there are no statistics.
    package let isSubscribed: Bool
    /// How it deviates from its documentation.
    package var quirks = UseAPIQuirks()

    /// An account.
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

/// The useapi.net API: `GET /v2/account/stats` as its page "Query Usage Statistics" has it, and `GET /v2/account`.
package struct UseAPIAPI: SimulatedProvider {
    /// `useapi`.
    package let name = "useapi"

    /// The bots of the documentation, and `flowmusic`, which is newer.
    package static let bots = [
        "midjourney", "google-flow", "dreamina", "kling", "runwayml", "pixverse", "minimax", "mureka", "tempolor",
        "ltxstudio", "luma", "flowmusic",
    ]

    /// The most records that `limit` may ask for.
    package static let largestLimit = 50_000

    private let accounts: [UseAPIAccount]

    /// An API with these accounts.
    package init(accounts: [UseAPIAccount]) {
        self.accounts = accounts
    }

    /// The name of the account whose token it is.
    package func account(ofToken token: String) -> String? {
        accounts.first { $0.token == token }?.name
    }

    /// The documented answer; 401 without a known token, 402 without a subscription, 404 for any other path or method.
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
    /// Whether days are counted and not listed while they are open.
    package var hidesRowsOfOpenDay = false
    /// The most requests that are listed, the newest; nil for all.
    package var longestList: Int?
    /// Whether count and summary are of what is listed ("total records returned"), and not of the day.
    package var countsListOnly = false
    /// The share of requests that get an error object with status 200, in percent.
    package var errorPercentage = 0
    /// Decides which requests those are.
    package var seed: UInt64 = 0

    /// No deviation.
    package init() {}

    /// A mix of deviations that follows from the seed.
    package init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: SplitMix64.mixed(seed))
        listLag = [Duration.zero, .minutes(5), .minutes(15)][random.below(3)]
        hidesRowsOfOpenDay = random.below(3) == 0
        errorPercentage = random.below(3) * 5
    }

    /// What is listed of the requests of a query, oldest first.
    ///
    /// - Parameter day: the day of the query; nil for one across all days.
    func listed(_ requests: [UseAPIRequest], of day: UTCDay?, now: Timestamp) -> [UseAPIRequest] {
        if hidesRowsOfOpenDay, day == now.day { return [] }
        let listed = listLag == .zero ? requests : requests.filter { $0.visibleFrom <= now - listLag }
        return longestList.map { Array(listed.suffix($0)) } ?? listed
    }
}
