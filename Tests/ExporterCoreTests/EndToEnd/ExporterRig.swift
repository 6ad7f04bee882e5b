import ConfigReading
import ExporterCore
import ExporterTestSupport
import Logging
import PrometheusExposition
import ProviderSimulator
import Synchronization
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// An exporter with simulated providers and a clock that the test controls.
struct ExporterRig {
    let clock: ManualClock
    let folder: String
    let configuration: ExporterConfiguration

    /// Runs a body with an exporter on the fixture's storage, and closes it afterwards.
    func withExporter<Result>(
        adjust: (inout Exporter.Environment) -> Void = { _ in }, isolation: isolated (any Actor)? = #isolation,
        _ body: (Exporter) async throws -> Result
    ) async throws -> Result {
        var environment = Exporter.Environment(
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        environment.clock = clock
        environment.random = SeededRandom(7)
        adjust(&environment)
        return try await ExporterTestSupport.withExporter(
            configuration, storage: folder, environment: environment, body)
    }
}

/// The tests' current time: a Friday afternoon.
let friday = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

/// One simulated WaveSpeedAI account in its own exporter.
struct WaveSpeedRig {
    let clock: ManualClock
    let events: UsageEventStore
    let server: SimulatorServer
    let rig: ExporterRig

    /// Runs a body with a simulated account `media`.
    static func run(
        at now: Timestamp = friday, sleeping: ManualClock.Sleeping = .isSkipped,
        isolation: isolated (any Actor)? = #isolation, simulated: (inout WaveSpeedAccount) -> Void = { _ in },
        adjust: (inout ExporterConfiguration) -> Void = { _ in }, _ body: (WaveSpeedRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(now, sleeping: sleeping)
        let store = UsageEventStore(clock: clock)
        // The account has a second key, for rotation.
        let accounts = ["test-token-media", "test-token-rotated"].map { token in
            var account = WaveSpeedAccount(
                name: "media", token: token, store: store, balance: PrepaidBalance(opening: ExactDecimal(5000)))
            simulated(&account)
            return account
        }
        try await withTemporaryFolder { folder in
            try await withSimulator([WaveSpeedAPI(accounts: accounts)], clock: clock) { server, baseURL in
                var configured = AccountConfiguration(
                    name: "media", provider: .wavespeed, credential: .literal("test-token-media"))
                configured.baseURL = baseURL + "/wavespeed"
                configured.history = .days(6)
                var configuration = ExporterConfiguration(accounts: [configured])
                adjust(&configuration)
                try await body(
                    WaveSpeedRig(
                        clock: clock, events: store, server: server,
                        rig: ExporterRig(clock: clock, folder: folder, configuration: configuration)))
            }
        }
    }

    /// All usage that the provider shows now, from the ledger's start on.
    var truth: UsageTotals {
        events.visibleTruth(in: Period(start: (friday - .days(6)).day.start, end: clock.now + .days(1)))
    }

    /// Asserts that cost, requests and outcomes of a scrape exactly equal the provider's, by model.
    func expectTruth(_ scrape: Scrape, sourceLocation: SourceLocation = #_sourceLocation) {
        let truth = truth.byModel
        #expect(
            scrape.values("genai_cost_usd_total", by: "model", account: "media")
                == truth.mapValues { $0.cost.doubleValue }, sourceLocation: sourceLocation)
        #expect(
            scrape.values("genai_requests_total", by: "model", account: "media")
                == truth.mapValues { Double($0.requests) }, sourceLocation: sourceLocation)
        // A request that has not succeeded may still run: it counts as pending for an hour.
        let pending = scrape.values("genai_pending_requests", by: "model", account: "media")
        let outcomes = scrape.samples("genai_request_outcomes_total")
        for (outcome, count) in [("success", \UsageFigures.successes), ("failure", \UsageFigures.failures)] {
            var byModel: [String: Double] = [:]
            for sample in outcomes where sample.labels["outcome"] == outcome {
                byModel[sample.labels["model", default: ""]] = sample.value
            }
            if outcome == "failure" { byModel.merge(pending, uniquingKeysWith: +) }
            #expect(byModel == truth.mapValues { Double($0[keyPath: count]) }, sourceLocation: sourceLocation)
        }
    }
}

/// Realistic usage: five models, unusual names and prices, failures.
struct TestTraffic {
    static let models = [
        "kwaivgi/kling-v2.0-i2v-master", "bytedance/seedance-v1-pro-t2v-720p", "wavespeed-ai/flux-dev",
        "quote\"back\\slash\nline", "模型/пример-é",
    ]

    let random: SeededRandom

    /// `count` events spread over a period.
    func events(_ count: Int, in period: Period) -> [UsageEvent] {
        (0..<count).map { _ in event(at: time(in: period)) }
    }

    /// One event, shown from `visibleFrom` on.
    func event(at time: Timestamp, visibleFrom: Timestamp? = nil) -> UsageEvent {
        let index = random.int(0...(Self.models.count - 1))
        let price = ExactDecimal(micros: 488 * (index + 1) + 1)
        return UsageEvent(
            time: time, model: Self.models[index], modality: index == 2 ? "text-to-image" : "text-to-video",
            unitPrice: price, cost: price * random.int(1...9), succeeded: random.int(0...9) > 0,
            visibleFrom: visibleFrom)
    }

    func time(in period: Period) -> Timestamp {
        let length = Int(period.end.milliseconds - period.start.milliseconds)
        return Timestamp(milliseconds: period.start.milliseconds + Int64(random.int(0...(length / 1000 - 1))) * 1000)
    }
}
