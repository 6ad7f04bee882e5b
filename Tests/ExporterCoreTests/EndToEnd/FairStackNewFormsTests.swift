import ConfigReading
import ExporterTestSupport
import Foundation
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// The newer forms of FairStack's API, end to end: `/v1/account`, `/v1/api-keys`, other status words, other orders.
@Suite struct FairStackNewFormsTests {
    private let history = Period(start: friday - .days(6), end: friday)
    /// Statuses of all documents, and a word that none of them has.
    private static let statuses = [
        "completed", "completed", "completed", "succeeded", "partial", "failed", "refunded", "cancelled", "delivered",
    ]
    private static let modalities = ["image", "talkingHead", "threeD", "sfx", "", "music"]
    private static let organization = ["scope": "organization", "key": ""]
    private static let december = Timestamp("2026-12-01T00:00:00Z")

    private static let listedKeys = [
        FairStackListedKey(
            id: "key_web", name: "Web shop", capTotalMicro: 25_000_000, createdAt: friday - .days(90)),
        FairStackListedKey(id: "key_batch", name: "bot", createdAt: friday - .days(30)),
        FairStackListedKey(id: "key_ci", name: "bot", capTotalMicro: 0, createdAt: friday - .days(2)),
    ]

    /// Asserts that nothing personal and no beginning of a key is served, logged or stored.
    private func expectNothingPersonal(
        _ exporter: Exporter, _ rig: FairStackRig, _ log: CapturedLog, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let folder = URL(fileURLWithPath: rig.rig.folder)
        let files = try FileManager.default.subpathsOfDirectory(atPath: rig.rig.folder)
            .map { folder.appendingPathComponent($0) }.filter { !$0.hasDirectoryPath }
        #expect(!files.isEmpty, sourceLocation: sourceLocation)
        var texts = ["log": log.lines.joined()]
        texts["page"] = String(decoding: exporter.store.current.body(.text004, .identity).bytes, as: UTF8.self)
        for file in files {
            texts[file.lastPathComponent] = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        }
        for (name, text) in texts {
            for secret in ["Ada Example", "ada@example.com", FairStackListedKey.prefix] {
                #expect(!text.contains(secret), "\(secret) in \(name)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test(
        "account replaces credits if that is missing or forbidden, and its cap is monthly", arguments: [404, 403, 410])
    func account(status: Int) async throws {
        let adjust: (inout FairStackAccount) -> Void = {
            $0.forms.hasAccount = true
            $0.forms.refused["/v1/credits"] = status
            $0.wrapsBodies = true
            $0.caps = [.init(scope: "organization", micro: 70_000_000), .init(scope: "key", micro: 9_000_000)]
        }
        let log = CapturedLog()
        try await FairStackRig.run(simulated: adjust) { rig in
            rig.store.add([
                FairStackTransaction(id: "paid", kind: .topUp, time: friday - .days(2), micro: -20_000_000),
                FairStackTransaction(id: "used", time: friday - .days(1), model: "m", micro: 1_250_001),
            ])
            try await rig.rig.withExporter(adjust: { $0.logger = log.logger(clock: rig.clock) }) { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_up", ["source": "credits"]) == 1)
                #expect(scrape.value("genai_balance_usd") == 18.749999)
                #expect(scrape.samples("genai_budget_limit_usd").map(\.value) == [70])
                #expect(scrape.value("genai_budget_limit_usd", Self.organization) == 70)
                #expect(scrape.value("genai_budget_spent_usd", Self.organization) == 1.250001)
                #expect(scrape.value("genai_budget_period_seconds", Self.organization) == 2_592_000)
                let reset = scrape.value("genai_budget_reset_timestamp_seconds", Self.organization)
                #expect(reset == Self.december?.seconds)
                #expect(scrape.value("genai_plan_info", ["plan": "Pro"]) == 1)
                #expect(rig.asked("/v1/account") == 1)
                try expectNothingPersonal(exporter, rig, log)
            }
        }
    }

    @Test("a sync with a lost permission fails, and the balance and the cap stay")
    func lostPermission() async throws {
        let adjust: (inout FairStackAccount) -> Void = {
            $0.forms.hasAccount = true
            $0.hasCredits = false
            $0.caps = [.init(scope: "organization", micro: 70_000_000)]
        }
        try await FairStackRig.run(simulated: adjust) { rig in
            rig.store.add([FairStackTransaction(id: "paid", kind: .topUp, time: friday - .days(2), micro: -20_000_000)])
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                for fault in [Fault.status(403), .status(200, body: #"{"error":{"code":"x"}}"#)] {
                    rig.server.faults.stand(fault, at: "/fairstack/v1/account")
                    rig.clock.advance(by: .minutes(65))
                    #expect(try await !exporter.syncOnce())
                    let scrape = try exporter.scrape()
                    #expect(scrape.value("genai_up", ["source": "credits"]) == 0)
                    #expect(scrape.value("genai_balance_usd") == 20)
                    #expect(scrape.value("genai_budget_limit_usd", Self.organization) == 70)
                    rig.server.faults.clear()
                    rig.clock.advance(by: .minutes(65))
                    #expect(try await exporter.syncOnce())
                }
            }
        }
    }

    @Test("the organization's cap has a period and a reset, which follow the month")
    func monthlyCap() async throws {
        let adjust: (inout FairStackAccount) -> Void = {
            $0.caps = [.init(scope: "organization", micro: 70_000_000), .init(scope: "project", micro: 5_000_000)]
        }
        try await FairStackRig.run(at: friday + .days(10), simulated: adjust) { rig in
            rig.store.add([FairStackTransaction(id: "used", time: friday, model: "m", micro: 1_250_000)])
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let november = try exporter.scrape()
                let resets = november.samples("genai_budget_reset_timestamp_seconds")
                #expect(resets.map(\.value) == [Self.december?.seconds])
                #expect(resets.map { $0.labels["scope"] } == ["organization"])
                #expect(november.value("genai_budget_spent_usd", Self.organization) == 1.25)
                rig.clock.advance(by: .hours(10))
                #expect(try await exporter.syncOnce())
                let december = try exporter.scrape()
                #expect(december.value("genai_budget_period_seconds", Self.organization) == 2_678_400)
                #expect(december.value("genai_budget_spent_usd", Self.organization) == 0)
            }
        }
    }

    @Test("keys are found without configuration, with names, times and caps, and their usage is not split")
    func foundKeys() async throws {
        let adjust: (inout FairStackAccount) -> Void = {
            $0.forms.hasKeyList = true
            $0.listedKeys = Self.listedKeys
        }
        let log = CapturedLog()
        try await FairStackRig.run(keys: [], simulated: adjust) { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(11)).transactions(200, in: history))
            let used = friday - .hours(3)
            rig.store.add([FairStackTransaction(id: "last", time: friday - .seconds(9), key: "key_web", micro: 1)])
            rig.store.add([FairStackTransaction(id: "ci", time: used, key: "key_ci", model: "m", micro: 1)])
            try await rig.rig.withExporter(adjust: { $0.logger = log.logger(clock: rig.clock) }) { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                expectTruth(rig.truth, in: scrape, keys: [])
                let info = scrape.samples("genai_key_info").map { [$0.labels["key"], $0.labels["key_id"]] }
                #expect(
                    Set(info) == [
                        ["Web shop", "key_web"], ["bot (key_batch)", "key_batch"], ["bot (key_ci)", "key_ci"],
                    ])
                let ci = ["key": "bot (key_ci)"]
                #expect(scrape.value("genai_key_last_used_timestamp_seconds", ci) == used.seconds)
                #expect(scrape.value("genai_key_created_timestamp_seconds", ci) == (friday - .days(2)).seconds)
                let caps = scrape.samples("genai_budget_limit_usd").filter { $0.labels["scope"] == "key" }
                #expect(caps.map { $0.labels["key"] } == ["Web shop"])
                #expect(caps.map(\.value) == [25])
                for family in ["genai_budget_reset_timestamp_seconds", "genai_budget_period_seconds"] {
                    #expect(scrape.samples(family).isEmpty)
                }
                #expect(!rig.server.log.requests.contains { $0.query["key_id"] != nil })
                #expect(rig.asked("/v1/api-keys") == 1)
                try expectNothingPersonal(exporter, rig, log)
            }
        }
    }

    @Test("configured names are used for found keys, and usage of configured keys keeps its labels")
    func configuredKeys() async throws {
        let adjust: (inout FairStackAccount) -> Void = {
            $0.forms.hasKeyList = true
            $0.listedKeys = Self.listedKeys
        }
        try await FairStackRig.run(simulated: adjust) { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(12)).transactions(300, in: history))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                expectTruth(rig.truth, in: scrape)
                let info = scrape.samples("genai_key_info").map { [$0.labels["key"], $0.labels["key_id"]] }
                #expect(Set(info) == [["web", "key_web"], ["batch", "key_batch"], ["bot", "key_ci"]])
                #expect(scrape.value("genai_budget_limit_usd", ["key": "web", "scope": "key"]) == 25)
            }
        }
    }

    @Test("a list of keys that is missing or forbidden is not a failure, and one that fails later keeps its series")
    func unavailableKeys() async throws {
        for adjust: (inout FairStackAccount) -> Void in [
            { _ in },
            {
                $0.forms.hasKeyList = true
                $0.forms.refused["/v1/api-keys"] = 403
            },
        ] {
            try await FairStackRig.run(simulated: adjust) { rig in
                try await rig.rig.withExporter { exporter in
                    #expect(try await exporter.syncOnce())
                    let scrape = try exporter.scrape()
                    #expect(scrape.value("genai_up", ["source": "api_keys"]) == 1)
                    #expect(scrape.samples("genai_key_info").isEmpty)
                }
            }
        }
        let listed: (inout FairStackAccount) -> Void = {
            $0.forms.hasKeyList = true
            $0.listedKeys = Self.listedKeys
        }
        try await FairStackRig.run(simulated: listed) { rig in
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                rig.server.faults.stand(.status(403), at: "/fairstack/v1/api-keys")
                rig.clock.advance(by: .minutes(6))
                #expect(try await !exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_up", ["source": "api_keys"]) == 0)
                #expect(scrape.value("genai_up", ["source": "usage"]) == 1)
                #expect(scrape.samples("genai_key_info").count == 3)
                #expect(scrape.samples("genai_budget_limit_usd").count == 1)
            }
        }
    }

    @Test(
        "completed, partial, cancelled and failed generations are two successes and one failure",
        arguments: FairStackVocabulary.allCases)
    func statusWords(vocabulary: FairStackVocabulary) async throws {
        try await FairStackRig.run(simulated: { $0.forms.vocabulary = vocabulary }) { rig in
            func generation(_ status: String, micro: Int) -> FairStackTransaction {
                FairStackTransaction(
                    id: status, time: friday - .hours(5), model: "m", modality: "threeD", micro: micro, status: status)
            }
            rig.store.add([
                generation("completed", micro: 10), generation("partial", micro: 20),
                generation("cancelled", micro: 0), generation("failed", micro: 0),
            ])
            var running = generation("running", micro: 0)
            running.decidedAt = friday + .days(1)
            rig.store.add([running])
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                let outcomes = scrape.samples("genai_request_outcomes_total").map { ($0.labels["outcome"], $0.value) }
                #expect(outcomes.count == 2)
                #expect(outcomes.first { $0.0 == "success" }?.1 == 2)
                #expect(outcomes.first { $0.0 == "failure" }?.1 == 1)
                #expect(scrape.value("genai_requests_total", ["model": "m"]) == 2)
                #expect(scrape.value("genai_modality_requests_total", ["modality": "threeD"]) == 2)
            }
        }
    }

    @Test("random forms, statuses and orders give the provider's figures at every sync", arguments: UInt64(0)..<16)
    func randomForms(seed: UInt64) async throws {
        let random = SeededRandom(seed)
        let adjust: (inout FairStackAccount) -> Void = {
            $0.forms = FairStackForms(seed: seed)
            $0.quirks = FairStackQuirks(seed: seed)
            $0.quirks.dailyLag = .zero
            $0.quirks.errorPercentage = 0
            $0.wrapsBodies = seed % 2 == 0
            $0.listedKeys = Self.listedKeys
            $0.caps = [.init(scope: "organization", micro: 7_000_000_000)]
        }
        try await FairStackRig.run(simulated: adjust) { rig in
            let traffic = FairStackTraffic(random: random, statuses: Self.statuses, modalities: Self.modalities)
            rig.store.add(traffic.transactions(900, in: history))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                var last = try exporter.scrape()
                expectTruth(rig.truth, in: last)
                for step in [Duration.minutes(5), .minutes(20), .hours(1), .hours(8), .hours(26)] {
                    let before = rig.clock.now
                    rig.clock.advance(by: step)
                    rig.store.add(traffic.transactions(80, in: Period(start: before, end: rig.clock.now)))
                    var late = traffic.generation("late_\(step)", at: rig.clock.now - .minutes(2))
                    late.decidedAt = rig.clock.now + .minutes(1)
                    rig.store.add([late])
                    #expect(try await exporter.syncOnce())
                    let scrape = try await rig.syncPastZeroFirst(exporter)
                    expectNoFall(from: last, to: scrape)
                    expectTruth(rig.truth, in: scrape)
                    expectMoney(rig, scrape)
                    last = scrape
                }
                #expect(last.value("genai_corrections_usd_total") == 0)
                let hasKeys = rig.asked("/v1/api-keys") > 0 && !last.samples("genai_key_info").isEmpty
                let forms = FairStackForms(seed: seed)
                #expect(hasKeys == (forms.hasKeyList && forms.refused["/v1/api-keys"] == nil))
            }
        }
    }

    /// Asserts that the balance and the organization's cap equal a recount.
    private func expectMoney(_ rig: FairStackRig, _ scrape: Scrape) {
        let truth = rig.store.truth(in: Period(start: friday - .days(365), end: rig.clock.now + .days(1)))
        let spent = truth.cost.values.reduce(.zero, +)
        #expect(scrape.value("genai_balance_usd") == (truth.topUps + truth.refunds - spent).doubleValue)
        #expect(scrape.value("genai_budget_limit_usd", Self.organization) == 7000)
        #expect(scrape.value("genai_budget_spent_usd", Self.organization) == spent.doubleValue)
        #expect(
            scrape.value("genai_budget_reset_timestamp_seconds", Self.organization) == Self.december?.seconds)
    }
}
