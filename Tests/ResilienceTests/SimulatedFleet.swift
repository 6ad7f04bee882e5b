import ExporterTestSupport
import Foundation
import ProviderSimulator
import Testing
import TestSupport
import UsageLedger
import UsageModel

@testable import ExporterCore
@testable import ExporterWeb
@testable import genai_usage_exporter

/// All simulated providers, and two exporters that read them at the same times: the tested one and an undisturbed
/// control. Whatever happens to the first, it must finally show the same values as the control.
struct SimulatedFleet {
    /// Time of the providers and of the control exporter.
    let clock: ManualClock
    /// The tested exporter's clock, with an adjustable skew.
    let skewed: SkewedClock
    let world: DemoWorld
    /// The tested exporter's providers; faults are injected here.
    let server: SimulatorServer
    let baseURL: String
    let configuration: ExporterConfiguration
    let folder: String
    let log = CapturedLog()
    let control: Exporter

    /// A Friday afternoon.
    static let friday = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    /// Runs a body with some days of light traffic.
    ///
    /// - Parameters:
    ///   - serverClock: paces slow responses, which need no time by the manual clock.
    static func run(
        at now: Timestamp = friday, history: Duration = .days(3), load: Double = 0.05,
        serverClock: (any WallClock)? = nil, isolation: isolated (any Actor)? = #isolation,
        adjust: (inout ExporterConfiguration) -> Void = { _ in }, _ body: (SimulatedFleet) async throws -> Void
    ) async throws {
        let clock = ManualClock(now)
        // Two simulators, because a provider with a rate limit would count the requests of both exporters.
        let world = DemoWorld(clock: clock, history: history, load: load)
        let controlWorld = DemoWorld(clock: clock, history: history, load: load)
        try await withTemporaryFolder { folder in
            try await withSimulator(world.providers, clock: serverClock ?? clock) { server, baseURL in
                // A clock that only paces slow responses is not the providers' time.
                if serverClock != nil { server.date.value = nil }
                try await withSimulator(controlWorld.providers, clock: clock) { _, controlURL in
                    func configured(_ baseURL: String) throws -> ExporterConfiguration {
                        var configuration = try ExporterConfiguration.demo(world, at: baseURL, today: now.day)
                        for index in configuration.accounts.indices { configuration.accounts[index].history = history }
                        adjust(&configuration)
                        return configuration
                    }
                    try await ExporterTestSupport.withExporter(
                        try configured(controlURL), storage: folder + "/control",
                        environment: environment(clock, CapturedLog())
                    ) { control in
                        try await body(
                            SimulatedFleet(
                                clock: clock, skewed: SkewedClock(clock), world: world, server: server,
                                baseURL: baseURL, configuration: try configured(baseURL), folder: folder + "/data",
                                control: control))
                    }
                }
            }
        }
    }

    /// Runs an exporter on the fixture's storage; may be called repeatedly.
    func withExporter<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Exporter) async throws -> Result
    ) async throws -> Result {
        try await ExporterTestSupport.withExporter(
            configuration, storage: folder, environment: Self.environment(skewed, log), body)
    }

    private static func environment(_ clock: any WallClock, _ log: CapturedLog) -> Exporter.Environment {
        var environment = Exporter.Environment(logger: log.logger(clock: clock))
        environment.clock = clock
        environment.random = SeededRandom(7)
        return environment
    }

    /// Syncs both exporters, and waits until new series are released.
    @discardableResult
    func sync(_ exporter: Exporter) async throws -> Bool {
        let succeeded = try await exporter.syncOnce()
        #expect(try await control.syncOnce(), "the control exporter failed")
        for exporter in [exporter, control] { exporter.noteScrape() }
        clock.advance(by: .seconds(91))
        try await exporter.tick()
        try await control.tick()
        return succeeded
    }

    /// The status page.
    func page(_ exporter: Exporter) async throws -> String {
        StatusPage(accounts: try await exporter.overview(), telemetryPath: "/metrics", now: clock.now).html
    }

    /// Asserts that the exporter shows the same usage as the control.
    ///
    /// - Parameter reconstructed: whether to compare values derived from rolling totals, too.
    func expectSameUsage(
        _ exporter: Exporter, reconstructed: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (found, wanted) = (try exporter.usage, try control.usage)
        let differing = Set(found.keys).union(wanted.keys).filter { name in
            guard Self.isReconstructed(name), let was = found[name], let wants = wanted[name] else {
                return found[name] != wanted[name]
            }
            // Derived from rolling totals, whose accuracy depends on the number of readings.
            return reconstructed && abs(was - wants) > max(10, wants / 10)
        }.sorted()
        #expect(
            differing.isEmpty,
            "\(differing.prefix(5).map { "\($0): \(String(describing: found[$0])), not \(String(describing: wanted[$0]))" })",
            sourceLocation: sourceLocation)
        #expect(wanted.count > 50, sourceLocation: sourceLocation)
    }
}

extension SimulatedFleet {
    private static func isReconstructed(_ series: String) -> Bool {
        series.contains("provider=cheapestinference")
            && ["genai_requests_total", "genai_tokens_total"].contains(where: series.hasPrefix)
    }
}

extension Exporter {
    /// Counters of usage.
    var usage: [String: Double] { get throws { try Scrape(store.current.body(.text004, .identity).bytes).usage } }
}

/// The accounts of every `DemoWorld`.
let demoAccounts = DemoWorld(clock: ManualClock(SimulatedFleet.friday), history: .days(1), load: 0.01).accounts

extension Scrape {
    /// Counters of usage, without those of the exporter's own work.
    var usage: [String: Double] {
        counters.filter { name, _ in
            !["genai_syncs_", "genai_upstream_", "genai_exporter_"].contains(where: name.hasPrefix)
        }
    }

    /// Whether every demo account has synced sources, and the last sync of each source succeeded.
    var isAllUp: Bool {
        let up = samples("genai_up")
        return Set(up.map { $0.labels["account", default: ""] }) == Set(demoAccounts.map(\.name))
            && up.allSatisfy { $0.value == 1 }
    }
}

extension ExporterProcess {
    /// Scrapes once all sources are synced, because earlier faults would find sources without data.
    func healthyScrape() async throws -> Scrape {
        try await waitUntilReady()
        return try await scrape { $0.isAllUp }
    }
}

/// Asserts that no series of a scrape has decreased or disappeared.
func expectNothingFell(
    _ before: [String: Double], _ after: [String: Double], sourceLocation: SourceLocation = #_sourceLocation
) {
    let fallen = before.filter { (after[$0.key] ?? -1) < $0.value }.keys.sorted()
    #expect(fallen.isEmpty, "decreased or disappeared: \(fallen.prefix(5))", sourceLocation: sourceLocation)
}
