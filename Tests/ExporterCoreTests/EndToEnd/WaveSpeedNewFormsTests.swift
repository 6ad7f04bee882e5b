import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Providers
import TestSupport
import Testing
import UsageModel

@testable import ExporterCore

/// Cost by key, refunds and running jobs on /metrics, where the newer API lists them.
@Suite struct WaveSpeedNewFormsTests {
    private static let keys = [
        WaveSpeedAccessKey(id: "ak-1", name: "web"), WaveSpeedAccessKey(id: "ak-2", name: nil),
        WaveSpeedAccessKey(id: "ak-3", name: "quote\"back\\slash"),
    ]

    private static func run(
        costByKey: Bool = true, _ quirks: WaveSpeedQuirks, _ body: (WaveSpeedRig) async throws -> Void
    ) async throws {
        try await WaveSpeedRig.run(
            simulated: { $0.quirks = quirks },
            adjust: { configuration in
                guard var options = configuration.accounts[0].provider.options as? WaveSpeedOptions else { return }
                options.costByKey = costByKey
                configuration.accounts[0].provider.options = options
            }, body)
    }

    /// The list price of a model of the test traffic.
    private static func price(of model: String) -> ExactDecimal {
        ExactDecimal(micros: 488 * ((TestTraffic.models.firstIndex(of: model) ?? 0) + 1) + 1)
    }

    /// The simulator gives each model's usage to one key.
    private static func label(of model: String) -> String {
        let key = keys[model.utf8.reduce(0) { ($0 + Int($1)) % keys.count }]
        return key.name ?? key.id
    }

    private static func expectTruth(
        _ rig: WaveSpeedRig, _ scrape: Scrape, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var byKey: [String: ExactDecimal] = [:]
        var refunds = ExactDecimal.zero
        for (model, figures) in rig.truth.byModel {
            byKey[label(of: model), default: .zero] += figures.cost
            refunds += price(of: model) * figures.failures
        }
        #expect(
            scrape.values("genai_key_cost_usd_total", by: "key", account: "media")
                == byKey.mapValues(\.doubleValue), sourceLocation: sourceLocation)
        #expect(scrape.value("genai_refunds_usd_total") == refunds.doubleValue, sourceLocation: sourceLocation)
        #expect(
            scrape.values("genai_cost_usd_total", by: "model", account: "media")
                == rig.truth.byModel.mapValues { $0.cost.doubleValue }, sourceLocation: sourceLocation)
    }

    @Test("cost by key and refunds equal the records, over restarts and error objects", arguments: [1, 2, 3, 4])
    func costByKey(seed: UInt64) async throws {
        var quirks = WaveSpeedQuirks(seed: seed)
        quirks.keys = Self.keys
        quirks.runTime = .zero
        let traffic = TestTraffic(random: SeededRandom(seed))
        try await Self.run(quirks) { rig in
            rig.events.add(traffic.events(1500, in: Period(start: friday - .days(6), end: friday)))
            var last: Scrape?
            for _ in 0..<3 {
                try await rig.rig.withExporter { exporter in
                    // Without the source's own interval; error objects make some of the syncs fail.
                    for _ in 0..<8 {
                        rig.clock.advance(by: .minutes(7))
                        rig.events.add(
                            traffic.events(20, in: Period(start: rig.clock.now - .minutes(7), end: rig.clock.now)))
                        _ = try await exporter.syncOnce()
                    }
                    var isRead = false
                    for _ in 0..<20 where !isRead {
                        rig.clock.advance(by: .minutes(7))
                        isRead = try await exporter.syncOnce()
                    }
                    #expect(isRead)
                    let scrape = try exporter.scrape()
                    Self.expectTruth(rig, scrape)
                    if let last { expectNoFall(from: last, to: scrape) }
                    last = scrape
                }
            }
        }
    }

    @Test("without cost_by_key the records are not read")
    func optIn() async throws {
        var quirks = WaveSpeedQuirks()
        quirks.keys = Self.keys
        try await Self.run(costByKey: false, quirks) { rig in
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                #expect(rig.server.log.count("/wavespeed/api/v3/billings") == 0)
                let scrape = try exporter.scrape()
                #expect(scrape.samples("genai_refunds_usd_total").isEmpty)
            }
        }
    }

    @Test("jobs that run now are pending, by model, in each form of the list's end", arguments: [true, false])
    func runningJobs(endsPagesByTotal: Bool) async throws {
        var quirks = WaveSpeedQuirks()
        quirks.listsJobs = true
        quirks.endsPagesByTotal = endsPagesByTotal
        quirks.runTime = .minutes(10)
        try await Self.run(costByKey: false, quirks) { rig in
            func job(_ ago: Duration, _ model: String) -> UsageEvent {
                UsageEvent(time: friday - ago, model: model, unitPrice: ExactDecimal(1), cost: ExactDecimal(1))
            }
            for second in 1...130 { rig.events.add(job(.seconds(second), "a")) }
            rig.events.add(job(.minutes(30), "b"))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let pending = try exporter.scrape().values("genai_pending_requests", by: "model", account: "media")
                #expect(pending == ["a": 130, "b": 0])
                rig.clock.advance(by: .minutes(15))
                #expect(try await exporter.syncOnce())
                let later = try exporter.scrape().values("genai_pending_requests", by: "model", account: "media")
                #expect(later == ["a": 0, "b": 0])
            }
        }
    }

    @Test(
        "durations equal those of the finished jobs, over restarts, error objects and late ends", arguments: [1, 2, 3])
    func durations(seed: UInt64) async throws {
        var quirks = WaveSpeedQuirks(seed: seed)
        quirks.listsJobs = true
        quirks.runTime = .minutes(40)
        try await Self.run(costByKey: false, quirks) { rig in
            let random = SeededRandom(seed)
            func use(_ count: Int, in period: Period) {
                for _ in 0..<count {
                    let time = period.start + .seconds(random.int(0...Int((period.end - period.start).inSeconds)))
                    rig.events.add(
                        UsageEvent(
                            time: time, model: "m\(random.int(1...3))", unitPrice: ExactDecimal(1),
                            cost: ExactDecimal(1), succeeded: random.int(0...9) > 0))
                }
            }
            use(400, in: Period(start: friday - .days(5), end: friday))
            let family = "genai_request_duration_seconds"
            var buckets: [String: Double] = [:]
            for _ in 0..<6 {
                try await rig.rig.withExporter { exporter in
                    for _ in 0..<6 {
                        let now = rig.clock.now
                        use(random.int(0...40), in: Period(start: now, end: now + .minutes(55)))
                        rig.clock.advance(by: .minutes(55))
                        // A sync that met an error object is followed by one that reads everything.
                        while try await !exporter.syncOnce() { rig.clock.advance(by: .minutes(1)) }
                    }
                    try await exporter.tick()
                    let scrape = try exporter.scrape()
                    for sample in scrape.samples(family) where sample.name.hasSuffix("_bucket") {
                        let name = "\(sample.labels["model", default: ""]) \(sample.labels["le", default: ""])"
                        #expect(sample.value >= buckets[name, default: 0])
                        buckets[name] = sample.value
                    }
                }
            }
            // The last jobs end.
            rig.clock.advance(by: .hours(2))
            try await rig.rig.withExporter { exporter in
                while try await !exporter.syncOnce() { rig.clock.advance(by: .minutes(1)) }
                try await exporter.tick()
                let scrape = try exporter.scrape()
                let whole = Period(start: friday - .days(6), end: rig.clock.now)
                var wanted: [String: (count: Double, sum: ExactDecimal)] = [:]
                for (number, event) in rig.events.events(in: whole) {
                    wanted[event.model, default: (0, .zero)].count += 1
                    wanted[event.model, default: (0, .zero)].sum += ExactDecimal(
                        micros: WaveSpeedLists.executionTime(of: number) * 1000)
                }
                func served(_ suffix: String) -> [String: Double] {
                    Dictionary(
                        scrape.samples(family).filter { $0.name == family + suffix }
                            .map { ($0.labels["model", default: ""], $0.value) }, uniquingKeysWith: +)
                }
                #expect(served("_count") == wanted.mapValues(\.count))
                #expect(served("_sum") == wanted.mapValues { $0.sum.doubleValue })
            }
        }
    }
}
