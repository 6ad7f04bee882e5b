import UsageModel
import Upstream

/// `GET /v1/credits`, or `GET /v1/account` where the first is missing or forbidden: the prepaid balance, and the limits
/// and spending of caps.
///
/// FairStack documents `/v1/credits`, and its CLI uses `/v1/account` only. If both are missing (404), there are no
/// series. `/v1/account` has no caps of a project or key, and has personal data that is not decoded.
struct FairStackCreditsSource: UsageSource {
    static let endpoint = "credits"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        var reading = Reading()
        reading.gauges = try await money(context).families
        try await context.commit(reading)
    }

    private func money(_ context: any SyncContext) async throws -> FairStackMoneyGauges {
        do {
            let response = try await api.send(UpstreamCall(.get, "/v1/credits"))
            let credits = try FairStackBody<FairStackCredits>.payload(of: response) { context.remark($0) }
            return credits.gauges(at: Self.time(of: response, context))
        } catch let failure as UpstreamFailure where failure.isUnavailable {
            guard try await !hasFiguresOfCreditsOnly(context) else { throw failure }
            if let account = try await account(context) { return account }
            // Forbidden or closed, and nothing replaces it.
            guard failure.status == 404 else { throw failure }
            return FairStackMoneyGauges()
        }
    }

    /// Whether figures were served that `GET /v1/account` does not have: they must not disappear.
    private func hasFiguresOfCreditsOnly(_ context: any SyncContext) async throws -> Bool {
        let caps = try await context.gauges(.budgetLimit)
        let credits = try await context.gauges(.balanceCredits)
        return !credits.isEmpty || caps.contains { $0.labels.last != "organization" }
    }

    /// Reads `GET /v1/account`; nil if the account never had it.
    private func account(_ context: any SyncContext) async throws -> FairStackMoneyGauges? {
        let response = try await api.sendIfPresent(
            UpstreamCall(.get, "/v1/account").incidental, mayBeForbidden: true, for: [.balanceUSD, .budgetLimit],
            context)
        return try response.map { response in
            let details = try FairStackBody<FairStackAccountDetails>.payload(of: response) { context.remark($0) }
            return details.gauges(at: Self.time(of: response, context))
        }
    }

    /// The provider's time of a response, because its month does not depend on this machine's clock.
    private static func time(of response: UpstreamResponse, _ context: any SyncContext) -> Timestamp {
        response.headers.first(name: "Date").flatMap { HTTPDate.parse($0, now: context.now) } ?? context.now
    }
}

/// The gauges of the balance and the caps. A missing figure yields no series, never 0.
struct FairStackMoneyGauges {
    /// Complete gauge families.
    private(set) var families: [GaugeFamily: [GaugeSample]] = [
        .balanceUSD: [], .balanceCredits: [], .budgetLimit: [], .budgetSpent: [], .budgetReset: [], .budgetPeriod: [],
        .planInfo: [],
    ]

    /// Adds the balance.
    ///
    /// - Parameter unit: the currency in lower case; nil for USD.
    mutating func addBalance(_ amount: ExactDecimal?, unit: String? = nil) {
        guard let amount = amount?.doubleValue else { return }
        if let unit {
            families[.balanceCredits]?.append(GaugeSample([unit], amount))
        } else {
            families[.balanceUSD]?.append(GaugeSample([], amount))
        }
    }

    /// Adds a cap. One without a positive limit is not a budget and has neither a limit nor a spent amount.
    ///
    /// - Parameter period: the cap's current period; nil if it is not known.
    mutating func addCap(_ scope: String, limit: ExactDecimal?, spent: ExactDecimal?, in period: Period?) {
        guard let limit, limit > .zero else { return }
        let labels = ["", scope]
        families[.budgetLimit]?.append(GaugeSample(labels, limit.doubleValue))
        if let spent { families[.budgetSpent]?.append(GaugeSample(labels, spent.doubleValue)) }
        guard let period else { return }
        families[.budgetReset]?.append(GaugeSample(labels, period.end.seconds))
        families[.budgetPeriod]?.append(GaugeSample(labels, (period.end - period.start).inSeconds))
    }

    /// Adds the name of the subscription. The API does not report its status.
    mutating func addPlan(_ name: String?) {
        guard let name, !name.isEmpty else { return }
        families[.planInfo]?.append(GaugeSample(["", name, ""], 1))
    }
}

extension FairStackCredits {
    /// The gauges of a response at the given time.
    func gauges(at now: Timestamp) -> FairStackMoneyGauges {
        var gauges = FairStackMoneyGauges()
        gauges.addBalance(balance?.amount, unit: balance?.foreignUnit)
        // Caps have no currency field, so they count as USD budgets only if the balance is in USD.
        guard balance?.foreignUnit == nil, let caps = caps.value else { return gauges }
        // Only the organization's cap is known to be monthly.
        let scopes = [
            ("organization", caps.organization, now.day.calendarMonth), ("project", caps.project, nil),
            ("key", caps.key, nil),
        ]
        for (scope, cap, period) in scopes {
            guard let cap = cap.value else { continue }
            gauges.addCap(
                scope, limit: cap.micro.value.map { ExactDecimal(micros: $0.value) },
                spent: cap.used_micro.value.map { ExactDecimal(micros: $0.value) }, in: period)
        }
        return gauges
    }
}

extension FairStackAccountDetails {
    /// The gauges of a response at the given time.
    func gauges(at now: Timestamp) -> FairStackMoneyGauges {
        var gauges = FairStackMoneyGauges()
        gauges.addBalance(credits?.balance)
        gauges.addCap(
            "organization", limit: spending_cap.value?.limit, spent: spending_cap.value?.spent,
            in: now.day.calendarMonth)
        gauges.addPlan(plan.value?.name.value?.value)
        return gauges
    }
}
