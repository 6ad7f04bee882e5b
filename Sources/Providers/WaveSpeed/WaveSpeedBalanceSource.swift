import UsageModel
import Upstream

/// `GET /api/v3/balance`: the prepaid balance in USD.
struct WaveSpeedBalanceSource: UsageSource {
    static let endpoint = "balance"

    let name = endpoint
    let minimumInterval = Duration.seconds(10)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.send(UpstreamCall(.get, "/api/v3/balance"))
        let data = try WaveSpeedEnvelope<WaveSpeedBalance>.payload(of: response, from: "balance") { context.remark($0) }
        var reading = Reading()
        // A null balance yields no series, never 0.
        reading.gauges[.balanceUSD] = data.balance.map { [GaugeSample([], $0.value.doubleValue)] } ?? []
        try await context.commit(reading)
    }
}
