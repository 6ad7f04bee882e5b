import ConfigReading
import Providers
import Upstream
import UsageModel

/// An invented provider: everything that the exporter needs of it.
enum Acme: Provider {
    typealias Options = AcmeOptions

    static let name = "acme"
    static let defaultBaseURL = "https://api.acme.example"
}

struct AcmeOptions: ProviderOptions {
    enum Region: String, CaseIterable { case north, south }

    static let configKeys = SecretReader.keys("token") + ["region"]

    let token: SecretSource?
    let region: Region

    init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        token = secrets.requiredSecret("token", in: mapping)
        region = mapping["region"]?.choice(Region.self) ?? .north
    }

    var credentials: [AccountCredential: SecretSource] { token.map { [.account: $0] } ?? [:] }

    var scope: [String] { [region.rawValue] }

    func sources(for account: ProviderAccount) -> [any UsageSource] {
        [
            AcmeSpendSource(api: account.api(for: "spend"), region: region),
            AcmeWalletSource(api: account.api(for: "wallet")),
        ]
    }
}

/// `GET /spend?day=…&region=…`: USD and calls of each model on a UTC day.
struct AcmeSpendSource: UsageSource {
    struct Row: Decodable {
        let model: LenientString
        let usd: LenientDecimal
        let calls: LenientInt
    }

    struct Day: Decodable {
        let rows: LenientArray<Row>
    }

    let name = "spend"
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .day)
    let reportsCost = true
    let api: any UpstreamAPI
    let region: AcmeOptions.Region

    func sync(_ context: any SyncContext) async throws {
        for due in context.dueSlices {
            let readAt = context.now
            let query = [
                (name: "day", value: due.slice.period.start.day.description), (name: "region", value: region.rawValue),
            ]
            let response = try await api.send(UpstreamCall(.get, "/spend", query: query))
            let day = try JSONBody.decode(Day.self, from: response)
            var reading = Reading()
            reading.slices = [
                SliceReading(
                    due.slice,
                    cells: day.rows.values.flatMap { row in
                        [
                            Cell(.cost, ["", row.model.value], row.usd.value),
                            Cell(.requests, ["", row.model.value], ExactDecimal(row.calls.value)),
                        ]
                    }, readAt: readAt)
            ]
            try await context.commit(reading)
        }
        var last = Reading()
        last.completesHistory = true
        try await context.commit(last)
    }
}

/// `GET /wallet`: the prepaid balance.
struct AcmeWalletSource: UsageSource {
    struct Wallet: Decodable {
        let usd: LenientDecimal
    }

    let name = "wallet"
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.send(UpstreamCall(.get, "/wallet"))
        var reading = Reading()
        reading.gauges[.balanceUSD] = [
            GaugeSample([], try JSONBody.decode(Wallet.self, from: response).usd.value.doubleValue)
        ]
        try await context.commit(reading)
    }
}
