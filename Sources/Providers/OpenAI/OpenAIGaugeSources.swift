import Upstream
import UsageModel

/// The keys of the projects: id, kind of owner, creation, last use.
///
/// Not read: `redacted_value`, a part of the secret; the owner's name and e-mail address, which are personal data.
struct OpenAIKeysSource: UsageSource {
    static let endpoint = "keys"

    let name = endpoint
    let minimumInterval = Duration.hours(1)
    let slicing: Slicing? = nil
    let keys: OpenAIKeyDirectory

    /// The maximum age of a shared listing: less than an hour, so that each hourly sync reads a new one.
    private static let maximumAge = Duration.minutes(50)

    func sync(_ context: any SyncContext) async throws {
        var listed: [OpenAIKey] = []
        switch try await keys.list(context, since: max(context.now.day.start, context.now - Self.maximumAge)) {
        case .keys(let keys): listed = keys
        case .missing(let failure):
            // Figures of an earlier response must not disappear.
            guard try await context.gauges(.keyInfo).isEmpty else { throw failure }
            context.remark("the keys of projects are not read: \(failure.message)")
        }
        var reading = Reading()
        // The labels of the current day's first listing, as in its cost.
        var state = try await OpenAIDayState(of: context.now.day, context)
        state.add(Set(listed.map(\.id.whole)), known: KeyNames(of: listed.map(\.named)))
        try state.remember(in: &reading, now: context.now)
        reading.gauges[.keyInfo] = listed.map { key in
            GaugeSample([state[key.id.whole], key.id.value, key.owner.value?.type.value?.value ?? ""], 1)
        }
        reading.gauges[.keyCreated] = listed.compactMap { key in
            key.created_at.value.map { GaugeSample([state[key.id.whole]], $0.value.seconds) }
        }
        reading.gauges[.keyLastUsed] = listed.compactMap { key in
            key.last_used_at.value.map { GaugeSample([state[key.id.whole]], $0.value.seconds) }
        }
        try await context.commit(reading)
    }
}

/// `GET /v1/organization/spend_limit`, or that of the account's only project: the monthly limit in USD, and whether it
/// stops requests now. The API does not report what is spent of it.
struct OpenAISpendLimitSource: UsageSource {
    static let endpoint = "spend_limit"

    let name = endpoint
    let minimumInterval = Duration.minutes(10)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI
    let project: String?

    func sync(_ context: any SyncContext) async throws {
        let path = project.map { "/v1/organization/projects/\(UpstreamCall.segment($0))" } ?? "/v1/organization"
        let response = try await api.sendIfPresent(
            OpenAI.call(path + "/spend_limit"), mayBeForbidden: true, for: [.budgetLimit, .spendingAllowed],
            context)
        let limit = try response.map { response in
            try JSONBody.decode(OpenAISpendLimit.self, from: response) { context.remark($0) }
        }
        var reading = Reading()
        reading.gauges = [.budgetLimit: [], .budgetPeriod: [], .spendingAllowed: []]
        let labels = ["", project == nil ? "organization" : "project"]
        if let amount = limit?.limit {
            reading.gauges[.budgetLimit] = [GaugeSample(labels, amount.doubleValue)]
            if let period = limit?.period(on: context.now.day) {
                reading.gauges[.budgetPeriod] = [GaugeSample(labels, period.inSeconds)]
            }
        }
        // Other states do not prove that a request would be accepted.
        if limit?.isEnforcing == true { reading.gauges[.spendingAllowed] = [GaugeSample([""], 0)] }
        try await context.commit(reading)
    }
}

/// The used fields of the response of `spend_limit`.
struct OpenAISpendLimit: Decodable {
    struct Enforcement: Decodable {
        /// `inactive` or `enforcing`.
        let status: Decoration<LenientString>
    }

    /// In cents; null for no limit.
    let threshold_amount: LenientDecimal?
    let currency: Decoration<LenientString>
    /// `month`.
    let interval: Decoration<LenientString>
    let enforcement: Decoration<Enforcement>

    private enum CodingKeys: String, CodingKey {
        case threshold_amount, currency, interval, enforcement
    }

    /// - Throws: `SourceFailure` without `threshold_amount`: an error in another form must not be read as "no limit".
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        guard fields.contains(.threshold_amount) else {
            throw SourceFailure(.decode, "the response has no threshold_amount; is base_url the OpenAI API?")
        }
        threshold_amount = try fields.decodeIfPresent(LenientDecimal.self, forKey: .threshold_amount)
        currency = try fields.decode(Decoration<LenientString>.self, forKey: .currency)
        interval = try fields.decode(Decoration<LenientString>.self, forKey: .interval)
        enforcement = try fields.decode(Decoration<Enforcement>.self, forKey: .enforcement)
    }

    /// The limit in USD; nil for none, for a negative one, for 0 that is not enforced, and for another currency.
    var limit: ExactDecimal? {
        guard let cents = threshold_amount?.value, cents > .zero || cents.isZero && isEnforcing,
            currency.value?.whole.lowercased() == "usd"
        else { return nil }
        return ExactDecimal("\(cents)e-2")
    }

    /// Returns the length of the limit's current period: the calendar month in UTC.
    func period(on day: UTCDay) -> Duration? {
        guard interval.value?.whole.lowercased() == "month" else { return nil }
        return day.startOfNextMonth.start - day.startOfMonth.start
    }

    /// Whether the limit is reached and the API refuses requests.
    var isEnforcing: Bool { enforcement.value?.status.value?.whole.lowercased() == "enforcing" }
}

/// `GET /v1/organization/projects/{id}/rate_limits`: the limits by model of the account's only project.
struct OpenAIRateLimitsSource: UsageSource {
    static let endpoint = "rate_limits"

    let name = endpoint
    let minimumInterval = Duration.hours(1)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI
    let project: String

    private struct Limit: Decodable {
        let model: Decoration<LenientString>
        let max_requests_per_1_minute: Decoration<LenientDecimal>
        let max_tokens_per_1_minute: Decoration<LenientDecimal>
        let max_requests_per_1_day: Decoration<LenientDecimal>
    }

    func sync(_ context: any SyncContext) async throws {
        let pager = OpenAIPager(
            api: api, path: "/v1/organization/projects/\(UpstreamCall.segment(project))/rate_limits",
            query: [(name: "limit", value: "100")], cursor: .after)
        var limits: [Limit] = []
        do {
            limits = try await pager.read(Limit.self, context).items
        } catch let failure as UpstreamFailure where failure.isUnavailable {
            // Figures of an earlier response must not disappear.
            guard try await context.gauges(.rateLimitRequestsPerMinute).isEmpty else { throw failure }
            context.remark("the rate limits of the project are not read: \(failure.message)")
        }
        func samples(_ amount: (Limit) -> Decoration<LenientDecimal>) -> [GaugeSample] {
            limits.compactMap { limit in
                guard let model = limit.model.value?.value, !model.isEmpty, let amount = amount(limit).value?.value,
                    !amount.isNegative
                else { return nil }
                return GaugeSample(["", model], amount.doubleValue)
            }
        }
        var reading = Reading()
        reading.gauges = [
            .rateLimitRequestsPerMinute: samples { $0.max_requests_per_1_minute },
            .rateLimitTokensPerMinute: samples { $0.max_tokens_per_1_minute },
            .rateLimitRequestsPerDay: samples { $0.max_requests_per_1_day },
        ]
        try await context.commit(reading)
    }
}
