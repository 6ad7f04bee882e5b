import UsageModel
import Upstream

/// `GET /api/billing/credits` (management key): the account's credit in USD. Not documented, so its absence (404) is
/// no failure: there is then no series from here, and the consumption keys may still show a balance.
struct CheapestInferenceCreditsSource: UsageSource {
    static let endpoint = "billing_credits"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ visit: any SyncVisit) async throws {
        var reading = Reading()
        reading.gauges[.balanceUSD] = try await remaining().map { [GaugeSample([], $0)] } ?? []
        try await visit.commit(reading)
    }

    private func remaining() async throws -> Double? {
        do {
            let answer = try await api.send(UpstreamCall(.get, "/api/billing/credits"))
            let credits = try CheapestInferenceEnvelope<CheapestInferenceCredits>.payload(of: answer)
            return credits.remaining.value.doubleValue
        } catch let failure as UpstreamFailure where failure.status == 404 {
            return nil
        }
    }
}
