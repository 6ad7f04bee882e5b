import UsageModel
import Upstream

/// `GET /v1/credits`: the prepaid balance, and the limits and spending of caps.
///
/// The endpoint comes from a public source, not from the documentation. If it is missing (404), there are no series.
struct FairStackCreditsSource: UsageSource {
    static let endpoint = "credits"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        var reading = Reading()
        let credits = try await api.sendIfPresent(UpstreamCall(.get, "/v1/credits")).map {
            try FairStackBody<FairStackCredits>.payload(of: $0) { context.remark($0) }
        }
        reading.gauges = credits?.gauges ?? FairStackCredits.absent
        try await context.commit(reading)
    }
}

extension FairStackCredits {
    /// The gauge families of this source without any series.
    static let absent: [GaugeFamily: [GaugeSample]] = [
        .balanceUSD: [], .balanceCredits: [], .budgetLimit: [], .budgetSpent: [],
    ]

    /// Complete gauge families. A missing field yields no series, never 0.
    var gauges: [GaugeFamily: [GaugeSample]] {
        var gauges = Self.absent
        if let balance, let amount = balance.amount?.doubleValue {
            if let unit = balance.foreignUnit {
                gauges[.balanceCredits] = [GaugeSample([unit], amount)]
            } else {
                gauges[.balanceUSD] = [GaugeSample([], amount)]
            }
        }
        // Caps have no currency field, so they count as USD budgets only if the balance is in USD.
        guard balance?.foreignUnit == nil, let caps = caps.value else { return gauges }
        for (scope, cap) in [("organization", caps.organization), ("project", caps.project), ("key", caps.key)] {
            // Without an upstream limit there is neither a limit nor a spent amount.
            guard let cap = cap.value, let limit = cap.limit else { continue }
            gauges[.budgetLimit]?.append(GaugeSample(["", scope], ExactDecimal(micros: limit).doubleValue))
            if let used = cap.used_micro.value {
                gauges[.budgetSpent]?.append(GaugeSample(["", scope], ExactDecimal(micros: used.value).doubleValue))
            }
        }
        return gauges
    }
}
