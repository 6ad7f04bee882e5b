import UsageModel
import Upstream

/// `GET /api/v1/billing/balance`: what is left, by currency.
///
/// Left out: `diemEpochAllocation`, an allowance in DIEM (budgets are USD); `consumptionCurrency` and `canConsume`,
/// which follow from the balances.
struct VeniceBalanceSource: UsageSource {
    static let endpoint = "balance"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ visit: any SyncVisit) async throws {
        let answer = try await api.sendOptional(UpstreamCall(.get, "/api/v1/billing/balance"), telling: visit)
        var reading = Reading()
        reading.gauges = try VeniceBalance.gauges(answer)
        try await visit.commit(reading)
    }
}

/// The answer of `balance`, as far as it is used. A balance that is null is none.
struct VeniceBalance: Decodable {
    struct Balances: Decodable {
        let usd: LenientDecimal?
        let diem: LenientDecimal?
        let bundledCredits: LenientDecimal?
        let earnedCredits: LenientDecimal?
    }

    let balances: Balances?

    /// The gauges of an answer; no samples where the endpoint is missing.
    static func gauges(_ answer: UpstreamAnswer?) throws -> [GaugeFamily: [GaugeSample]] {
        let balances = try answer.map { try JSONBody.decode(VeniceBalance.self, from: $0) }?.balances
        let credits = [
            ("diem", balances?.diem), ("bundled_credits", balances?.bundledCredits),
            ("earned_credits", balances?.earnedCredits),
        ]
        return [
            .balanceUSD: balances?.usd.map { [GaugeSample([], $0.value.doubleValue)] } ?? [],
            .balanceCredits: credits.compactMap { unit, amount in
                amount.map { GaugeSample([unit], $0.value.doubleValue) }
            },
        ]
    }
}
