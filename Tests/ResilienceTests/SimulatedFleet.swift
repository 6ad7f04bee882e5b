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

/// All five providers simulated, and two exporters that read them at the same times: one that a test does harm to, and
/// one that is left in peace. Whatever happens to the first, in the end it must show what the second shows.
struct SimulatedFleet {
    /// The providers' time, and that of the exporter that is left in peace.
    let clock: ManualClock
    /// How far the tested exporter's clock is from it.
    let skewed: SkewedClock
    let world: DemoWorld
    /// Where the tested exporter asks; faults are planned here.
    let server: SimulatorServer
    let baseURL: String
    let configuration: ExporterConfiguration
    let folder: String
    let log = CapturedLog()
    let control: Exporter

    /// A Friday afternoon.
    static let friday = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    /// Runs a body in a world with some days of thin traffic behind it.
    ///
    /// - Parameters:
    ///   - serverClock: paces slow answers; the world's own clock does not let them last.
    static func run(
        at now: Timestamp = friday, history: Duration = .days(3), load: Double = 0.05,
        serverClock: (any WallClock)? = nil, isolation: isolated (any Actor)? = #isolation,
        adjust: (inout ExporterConfiguration) -> Void = { _ in }, _ body: (SimulatedFleet) async throws -> Void
    ) async throws {
        let clock = ManualClock(now)
        // Two of the same, since a provider that limits its readers would count both exporters.
        let world = DemoWorld(clock: clock, history: history, load: load)
        let controlWorld = DemoWorld(clock: clock, history: history, load: load)
        try await withTemporaryFolder { folder in
            try await withSimulator(world.providers, clock: serverClock ?? clock) { server, baseURL in
                // A clock that only paces slow responses is not the providers' time.
                if serverClock != nil { server.date.value = nil }
                try await withSimulator(controlWorld.providers, clock: clock) { _, controlURL in
                    func configured(_ baseURL: String) -> ExporterConfiguration {
                        var configuration = ExporterConfiguration(of: world, at: baseURL)
                        for index in configuration.accounts.indices { configuration.accounts[index].history = history }
                        adjust(&configuration)
                        return configuration
                    }
                    try await ExporterTestSupport.withExporter(
                        configured(controlURL), storage: folder + "/control",
                        environment: environment(clock, CapturedLog())
                    ) { control in
                        try await body(
                            SimulatedFleet(
                                clock: clock, skewed: SkewedClock(clock), world: world, server: server,
                                baseURL: baseURL, configuration: configured(baseURL), folder: folder + "/data",
                                control: control))
                    }
                }
            }
        }
    }

    /// An exporter on the rig's storage: also one after another.
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

    /// Both exporters read everything once, and new series pass the time in which they are shown as 0.
    @discardableResult
    func sync(_ exporter: Exporter) async throws -> Bool {
        let succeeded = try await exporter.syncOnce()
        #expect(try await control.syncOnce(), "the exporter that is left in peace failed")
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

    /// Holds that the exporter shows the very usage that the one left in peace shows.
    ///
    /// - Parameter reconstructed: whether also what is worked out from rolling figures.
    func expectSameUsage(
        _ exporter: Exporter, reconstructed: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (found, wanted) = (try exporter.usage, try control.usage)
        let differing = Set(found.keys).union(wanted.keys).filter { name in
            guard Self.isReconstructed(name), let was = found[name], let wants = wanted[name] else {
                return found[name] != wanted[name]
            }
            // Worked out from rolling figures, more exactly the more often they are read.
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
    /// The counters of what providers charged.
    var usage: [String: Double] { get throws { try Scrape(store.current.body(.text004, .identity).bytes).usage } }
}

extension Scrape {
    /// The counters of what providers charged: all but those of our own doings.
    var usage: [String: Double] {
        counters.filter { name, _ in
            !["genai_syncs_", "genai_upstream_", "genai_exporter_"].contains(where: name.hasPrefix)
        }
    }

    /// Whether so many accounts have sources that were synced, and each of those the last time with success.
    func isAllUp(accounts: Int) -> Bool {
        let up = samples("genai_up")
        return Set(up.map { $0.labels["account"] }).count == accounts && up.allSatisfy { $0.value == 1 }
    }
}

extension ExporterProcess {
    /// The scrape once everything is there: what befalls an exporter earlier finds sources that have nothing to show yet.
    func healthyScrape() async throws -> Scrape {
        try await waitUntilReady()
        return try await scrape { $0.isAllUp(accounts: 6) }
    }
}

/// Holds that no series of a scrape is lower than it was, or gone.
func expectNothingFell(
    _ before: [String: Double], _ after: [String: Double], sourceLocation: SourceLocation = #_sourceLocation
) {
    let fallen = before.filter { (after[$0.key] ?? -1) < $0.value }.keys.sorted()
    #expect(fallen.isEmpty, "fell or went away: \(fallen.prefix(5))", sourceLocation: sourceLocation)
}
