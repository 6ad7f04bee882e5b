import UsageModel

/// An account at the simulated WaveSpeedAI.
package struct WaveSpeedAccount: Sendable {
    /// The name in tests and in the request log.
    package let name: String
    package let token: String
    package let store: UsageEventStore
    package let balance: PrepaidBalance
    package var quirks = WaveSpeedQuirks()

    /// An account whose `balance` decreases by the usage that `store` shows.
    package init(name: String, token: String, store: UsageEventStore, balance: PrepaidBalance) {
        self.name = name
        self.token = token
        self.store = store
        self.balance = balance
    }
}

/// The WaveSpeedAI API: `POST /api/v3/user/usage_stats` as documented on the page "How to Check Usage",
/// `GET /api/v3/balance`, which the provider's clients use, and if enabled the lists of billing records and jobs.
package struct WaveSpeedAPI: SimulatedProvider {
    package let name = "wavespeed"

    private let accounts: [WaveSpeedAccount]

    package init(accounts: [WaveSpeedAccount]) {
        self.accounts = accounts
    }

    package func account(ofToken token: String) -> String? {
        accounts.first { $0.token == token }?.name
    }

    /// The documented response; 401 without a known key, 404 for any other path or method.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard let account = accounts.first(where: { $0.name == request.account }) else {
            return error(401, "access_key is required")
        }
        if account.quirks.fails(request) { return SimulatedResponse(body: error(500, "internal error").body) }
        switch (request.method, request.endpoint) {
        case ("POST", "/api/v3/user/usage_stats"):
            return usageStats(of: account, request.body, style, now: request.time)
        case ("GET", "/api/v3/balance"):
            let left = account.balance.remaining(afterSpending: account.store.shownCost)
            return success(["balance": .number(left)])
        case ("POST", "/api/v3/billings/search") where !account.quirks.keys.isEmpty:
            let lists = WaveSpeedLists(store: account.store, quirks: account.quirks, now: request.time)
            return lists.billings(request.body).map(success) ?? error(400, "invalid time range")
        case ("POST", "/api/v3/predictions") where account.quirks.listsJobs:
            let lists = WaveSpeedLists(store: account.store, quirks: account.quirks, now: request.time)
            return success(lists.predictions(request.body))
        default:
            return error(404, "not found")
        }
    }

    /// `{"code": 400, "message": "invalid time range"}` under the same HTTP status.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(status: status, body: ["code": .count(status), "message": .string(message)])
    }

    private func success(_ data: JSONValue) -> SimulatedResponse {
        SimulatedResponse(body: ["code": .count(200), "message": "success", "data": data])
    }

    private func usageStats(
        of account: WaveSpeedAccount, _ body: JSONValue?, _ style: AnswerStyle, now: Timestamp
    ) -> SimulatedResponse {
        guard let start = body?["start_time"]?.text.flatMap({ Timestamp($0) }),
            let end = body?["end_time"]?.text.flatMap({ Timestamp($0) }), end > start
        else { return error(400, "invalid time range") }
        guard end - start <= .days(31) else { return error(400, "time range cannot exceed 31 days") }
        // The end is inclusive to the second: 23:59:59Z includes all of that second.
        let endSecond = end.milliseconds - end.milliseconds % 1000
        let period = Period(start: start, end: Timestamp(milliseconds: endSecond + 1000))
        let model = body?["model_uuid"]?.text.flatMap { $0.isEmpty ? nil : $0 }
        let report = account.store.report(in: period, model: model)
        var stats = WaveSpeedUsageStats(report, style, account.quirks)
        let running = Period(start: max(start, now - account.quirks.runTime), end: period.end)
        if running.start < running.end {
            stats.runningJobs = account.store.report(in: running, model: model).figures.successes
        }
        return success(stats.data)
    }
}

/// Ways in which the simulated WaveSpeedAI deviates from its documentation; none unless set.
package struct WaveSpeedQuirks: ErrorObjects, Sendable, Hashable {
    /// Duration of a job: it is charged at its start, but counted as a success only after this time.
    package var runTime = Duration.zero
    /// Whether the dates of `daily_usage` are written as timestamps.
    package var writesTimestamps = false
    /// Whether models omit `total_count`.
    package var omitsModelCounts = false
    /// The keys that billing records name; without keys the API has no list of them.
    package var keys: [WaveSpeedAccessKey] = []
    /// Whether the API lists jobs.
    package var listsJobs = false
    /// Whether lists end by `total`, as documented, and not by `has_more`, as newer clients read.
    package var endsPagesByTotal = false
    /// The share of requests that get an error object with status 200, in percent.
    package var errorPercentage = 0
    /// Selects those requests.
    package var seed: UInt64 = 0

    package init() {}

    /// A mix of deviations, derived from the seed.
    package init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: SplitMix64.mixed(seed))
        runTime = [Duration.zero, .minutes(3), .minutes(40)][random.below(3)]
        writesTimestamps = random.below(2) == 0
        omitsModelCounts = random.below(2) == 0
        errorPercentage = random.below(3) * 3
        endsPagesByTotal = random.below(2) == 0
    }
}
