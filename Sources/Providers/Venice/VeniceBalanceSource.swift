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

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.sendOptional(UpstreamCall(.get, "/api/v1/billing/balance"), telling: context)
        var reading = Reading()
        reading.gauges = try VeniceBalance.gauges(response)
        try await context.commit(reading)
    }
}

/// The response of `balance`, as far as it is used.
struct VeniceBalance: Decodable {
    /// Amounts by currency; nil where there is no such balance.
    struct Balances: Decodable {
        let usd: ExactDecimal?
        let diem: ExactDecimal?
        let bundledCredits: ExactDecimal?
        let earnedCredits: ExactDecimal?

        private enum CodingKeys: String, CodingKey, CaseIterable {
            case usd, diem, bundledCredits, earnedCredits
        }

        /// Reads the amounts. The API writes null for USD and credits that are not positive, which is a balance of 0,
        /// and null for DIEM where none is staked, which is no balance.
        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            guard CodingKeys.allCases.contains(where: container.contains) else {
                throw SourceFailure(.decode, "balance has none of the documented balances")
            }
            func amount(_ key: CodingKeys) throws -> ExactDecimal? {
                try container.decodeIfPresent(LenientDecimal.self, forKey: key)?.value
            }
            func amountOrZero(_ key: CodingKeys) throws -> ExactDecimal? {
                container.contains(key) ? try amount(key) ?? .zero : nil
            }
            usd = try amountOrZero(.usd)
            diem = try amount(.diem)
            bundledCredits = try amountOrZero(.bundledCredits)
            earnedCredits = try amountOrZero(.earnedCredits)
        }
    }

    let balances: Balances

    /// The gauges of a response; no samples where the endpoint is missing.
    static func gauges(_ response: UpstreamResponse?) throws -> [GaugeFamily: [GaugeSample]] {
        let balances = try response.map { try JSONBody.decode(VeniceBalance.self, from: $0) }?.balances
        let credits = [
            ("diem", balances?.diem), ("bundled_credits", balances?.bundledCredits),
            ("earned_credits", balances?.earnedCredits),
        ]
        return [
            .balanceUSD: balances?.usd.map { [GaugeSample([], $0.doubleValue)] } ?? [],
            .balanceCredits: credits.compactMap { unit, amount in
                amount.map { GaugeSample([unit], $0.doubleValue) }
            },
        ]
    }
}
