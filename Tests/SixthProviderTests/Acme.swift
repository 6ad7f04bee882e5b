import ConfigReading
import Providers
import Upstream
import UsageModel

/// An invented provider: everything that the exporter needs of it.
enum Acme: Provider {
    typealias Options = AcmeOptions

    static let name = "acme"
    static let defaultBaseURL = "https://api.acme.example"

    static let families = UsageFamilies(ledger: [.acmeExplosions], gauges: [.acmeCoyotes])
}

extension LedgerFamily {
    static let acmeExplosions = LedgerFamily(
        "genai_acme_explosions_total", .count, ["model", "cliff"], "Explosions by model and cliff.")
}

extension GaugeFamily {
    static let acmeCoyotes = GaugeFamily("genai_acme_coyotes", [], merging: .sum, "Coyotes at large.")
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
        let explosions: LenientInt
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
                            Cell(.acmeExplosions, [row.model.value, "west"], ExactDecimal(row.explosions.value)),
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
        let coyotes: LenientInt
    }

    let name = "wallet"
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        let response = try await api.send(UpstreamCall(.get, "/wallet"))
        var reading = Reading()
        let wallet = try JSONBody.decode(Wallet.self, from: response)
        reading.gauges[.balanceUSD] = [GaugeSample([], wallet.usd.value.doubleValue)]
        reading.gauges[.acmeCoyotes] = [GaugeSample([], Double(wallet.coyotes.value))]
        try await context.commit(reading)
    }
}
