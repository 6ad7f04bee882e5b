import AsyncHTTPClient
import ConfigReading
import ExporterCore
import ExporterTestSupport
import ExporterWeb
import NIOConcurrencyHelpers
import ProviderSimulator
import Providers
import TestSupport
import Testing
import UsageModel

/// A provider is one directory and one line: an invented one is added here, and nothing else is changed.
@Suite("A sixth provider", .timeLimit(.minutes(2))) struct SixthProviderTests {
    private let friday = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z

    private struct ConfigFile: FileReading {
        let text: String

        func contents(of path: String, limit: Int) -> [UInt8] { Array(text.utf8) }

        func isReadableByOthers(_ path: String) -> Bool { false }
    }

    private func load(_ account: String) throws -> ExporterConfiguration {
        try ExporterConfiguration.load(
            path: "config.yml", environment: ["ACME_TOKEN": "acme-token-1"], today: friday.day,
            files: ConfigFile(text: "accounts:\n  - { name: one, \(account) }"), providers: allProviders + [Acme.self])
    }

    private func problems(_ account: String) throws -> String {
        try #require(#expect(throws: ConfigurationProblems.self) { try load(account) }).description
    }

    @Test("its config keys are checked as those of the others")
    func check() throws {
        #expect(try problems("provider: acme, region: east, token_env: ACME_TOKEN").contains("one of north, south"))
        #expect(try problems("provider: acme").contains("missing key: expected one of token_env, token_file, token"))
        #expect(try problems("provider: acne, token_env: ACME_TOKEN").contains("did you mean `acme`?"))
        #expect(
            try problems("provider: venice, api_key: secret-key-1, region: south")
                .contains("`region` belongs to provider acme"))
        #expect(
            try problems("provider: acme, token_env: ACME_TOKEN, bots: [a]").contains(
                "`bots` belongs to provider useapi"))
    }

    @Test("it is served on /metrics, /probe and the status page, and exported by backfill")
    func endToEnd() async throws {
        let clock = ManualClock(friday)
        try await withTemporaryFolder { folder in
            try await withSimulator([AcmeAPI()], clock: clock) { _, baseURL in
                let configuration = try load(
                    "provider: acme, token_env: ACME_TOKEN, region: south, history: 3d, base_url: '\(baseURL)/acme'")
                var environment = Exporter.Environment(logger: CapturedLog().logger(clock: clock))
                environment.clock = clock
                try await withExporter(configuration, storage: folder, environment: environment) { exporter in
                    let succeeded = try await exporter.syncOnce()
                    #expect(succeeded)
                    try await expectServed(exporter)
                }
                let written = NIOLockedValueBox<[UInt8]>([])
                let span = BackfillSpan(from: nil, to: nil, now: clock.now)
                _ = try await Backfill(span, configuration: configuration).run(
                    folder: folder, write: { bytes in written.withLockedValue { $0 += bytes } }, progress: { _ in })
                let text = String(decoding: written.withLockedValue { $0 }, as: UTF8.self)
                // Three whole days by the midnight before.
                let line = #"genai_cost_usd_total{provider="acme",account="one",model="anvil"} 6.0 1795132800"#
                #expect(text.contains(line))
                #expect(text.contains("# HELP genai_acme_explosions Explosions by model and cliff."))
            }
        }
    }

    private func expectServed(_ exporter: Exporter) async throws {
        let (addresses, listening) = AsyncStream<ListenAddress>.makeStream()
        let server = try ExporterWebServer(
            exporter,
            options: .init(
                addresses: [ListenAddress(host: "127.0.0.1", port: 0)], telemetryPath: "/metrics", maximumScrapes: 4,
                maximumConnections: 16),
            logger: CapturedLog().logger(clock: SystemClock()), onListening: { address, _ in listening.yield(address) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let address = try #require(await addresses.first { _ in true })
            for path in ["/metrics", "/probe?target=one"] {
                let scrape = try Scrape(Array(try await get(path, address).utf8))
                let model = ["provider": "acme", "account": "one", "model": "anvil"]
                #expect(scrape.value("genai_cost_usd_total", model) == 8)
                #expect(scrape.value("genai_requests_total", model) == 20)
                #expect(scrape.value("genai_window_cost_usd", model.merging(["window": "today"]) { $1 }) == 2)
                #expect(scrape.value("genai_balance_usd", ["account": "one"]) == 40)
                #expect(scrape.value("genai_acme_explosions_total", model.merging(["cliff": "west"]) { $1 }) == 8)
                #expect(scrape.value("genai_acme_coyotes", ["account": "one"]) == 1)
                #expect(scrape.value("genai_up", ["account": "one", "source": "spend"]) == 1)
                #expect(scrape.value("genai_up", ["account": "one", "source": "wallet"]) == 1)
            }
            let page = try await get("/", address)
            #expect(page.contains("acme") && page.contains("anvil") && page.contains("$40.00"))
            group.cancelAll()
        }
    }

    private func get(_ path: String, _ address: ListenAddress) async throws -> String {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://\(address)\(path)"), timeout: .seconds(10))
        #expect(response.status == .ok)
        return String(buffer: try await response.body.collect(upTo: 1 << 20))
    }
}
