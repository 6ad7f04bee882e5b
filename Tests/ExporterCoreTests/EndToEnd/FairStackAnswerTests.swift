import ConfigReading
import Providers
import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// All forms of FairStack's responses, and its errors, end to end.
@Suite struct FairStackAnswerTests {
    private let history = Period(start: friday - .days(6), end: friday)

    @Test(
        "every form of a response gives the same metrics",
        arguments: [AnswerStyle.numbersAsStrings, .withoutOptionalFields, .shuffledArrays])
    func styles(style: AnswerStyle) async throws {
        for isWrapped in [true, false] {
            try await FairStackRig.run(simulated: { $0.wrapsBodies = isWrapped }) { rig in
                rig.store.add(FairStackTraffic(random: SeededRandom(1)).transactions(400, in: history))
                rig.server.faults.stand(.style(style), at: "/fairstack")
                try await rig.rig.withExporter { exporter in
                    #expect(try await exporter.syncOnce())
                    expectTruth(rig.truth, in: try exporter.scrape())
                }
            }
        }
    }

    @Test("a day without changes needs no further request")
    func unchangedDay() async throws {
        try await FairStackRig.run { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(2)).transactions(300, in: history))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let first = try exporter.scrape()
                let (usage, pages) = (rig.asked("/v1/usage"), rig.asked("/v1/usage/transactions"))
                rig.clock.advance(by: .minutes(5))
                _ = try await exporter.syncOnce()
                #expect(rig.asked("/v1/usage") == usage)
                #expect(rig.asked("/v1/usage/daily") == 2)
                #expect(rig.asked("/v1/usage/transactions") == pages + 1)
                let second = try exporter.scrape()
                expectTruth(rig.truth, in: second)
                let through = "genai_data_through_timestamp_seconds"
                for source in ["usage", "transactions"] {
                    let gained =
                        (second.value(through, ["source": source]) ?? 0)
                        - (first.value(through, ["source": source]) ?? 0)
                    #expect(gained == 300)
                }
            }
        }
    }

    @Test("balance and caps are served, and stay if the endpoint is missing later")
    func credits() async throws {
        let adjust: (inout FairStackAccount) -> Void = {
            $0.caps = [.init(scope: "organization", micro: 70_000_000), .init(scope: "project", micro: nil)]
        }
        try await FairStackRig.run(simulated: adjust) { rig in
            rig.store.add([
                FairStackTransaction(id: "paid", kind: .topUp, time: friday - .days(2), micro: -20_000_000),
                FairStackTransaction(id: "used", time: friday - .days(1), model: "m", micro: 1_250_001),
            ])
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_balance_usd") == 18.749999)
                #expect(scrape.samples("genai_budget_limit_usd").map(\.value) == [70])
                #expect(scrape.value("genai_budget_limit_usd", ["scope": "organization", "key": ""]) == 70)
                #expect(scrape.value("genai_budget_spent_usd", ["scope": "organization"]) == 1.250001)
                rig.server.faults.stand(.status(404), at: "/fairstack/v1/credits")
                rig.clock.advance(by: .minutes(5))
                #expect(try await !exporter.syncOnce())
                let later = try exporter.scrape()
                #expect(later.value("genai_balance_usd") == 18.749999)
                #expect(later.samples("genai_budget_limit_usd").map(\.value) == [70])
                #expect(later.value("genai_up", ["source": "credits"]) == 0)
            }
        }
    }

    @Test("a key without permission fails with auth, only for its endpoints")
    func permissions() async throws {
        try await FairStackRig.run { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(3)).transactions(50, in: history))
            rig.server.faults.stand(.status(403), at: "/fairstack/v1/usage/transactions")
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_up", ["source": "transactions"]) == 0)
                #expect(scrape.value("genai_syncs_total", ["source": "transactions", "result": "auth"]) == 1)
                #expect(scrape.value("genai_up", ["source": "usage"]) == 1)
                #expect(!scrape.samples("genai_cost_usd_total").isEmpty)
                #expect(scrape.samples("genai_topups_usd_total").isEmpty)
            }
        }
        try await FairStackRig.run(simulated: { $0.scopes = [] }) { rig in
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                let results = try exporter.scrape().samples("genai_syncs_total").filter {
                    $0.labels["result"] == "auth"
                }
                let bySource = Dictionary(
                    results.map { ($0.labels["source", default: ""], $0.value) }, uniquingKeysWith: +)
                // The list of keys is optional, because its scope is not known.
                #expect(bySource == ["usage": 1, "transactions": 1, "credits": 1, "api_keys": 0])
            }
        }
    }

    @Test("an unknown key id fails and is named")
    func unknownKey() async throws {
        try await FairStackRig.run(keys: [KeyConfiguration(name: "typo", id: "key_wep")]) { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(6)).transactions(50, in: history))
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_syncs_total", ["source": "usage", "result": "http_4xx"]) == 1)
                #expect(scrape.value("genai_up", ["source": "transactions"]) == 1)
                let errors = try await exporter.overview().flatMap(\.sources).compactMap(\.status.lastError)
                #expect(errors.count == 1)
                #expect(errors.first?.contains("typo") == true)
            }
        }
    }

    @Test("a rejected cursor restarts paging, and a repeated one fails the sync")
    func cursors() async throws {
        try await FairStackRig.run { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(4)).transactions(700, in: history))
            let transactions = "/fairstack/v1/usage/transactions"
            try await rig.rig.withExporter { exporter in
                rig.server.faults.queue(.style([]), .style([]), .status(400), at: transactions)
                #expect(try await exporter.syncOnce())
                expectTruth(rig.truth, in: try exporter.scrape())
            }
        }
        try await FairStackRig.run { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(5)).transactions(700, in: history))
            let page = """
                {"transactions":[{"id":"x","type":"top_up","cost":{"micro":-1},"created_at":"2026-11-20T10:00:00Z"}],
                "has_more":true,"cursor":"same"}
                """
            try await rig.rig.withExporter { exporter in
                rig.server.faults.stand(.status(200, body: page), at: "/fairstack/v1/usage/transactions")
                #expect(try await !exporter.syncOnce())
                #expect(rig.asked("/v1/usage/transactions") == 4)
                #expect(
                    try exporter.scrape().value("genai_syncs_total", ["source": "transactions", "result": "decode"])
                        == 1)
                rig.server.faults.clear()
                rig.clock.advance(by: .minutes(5))
                #expect(try await exporter.syncOnce())
                expectTruth(rig.truth, in: try exporter.scrape())
            }
        }
    }

    @Test("another currency is served as credits")
    func currency() async throws {
        try await FairStackRig.run(keys: [], simulated: { $0.currency = "EUR" }) { rig in
            rig.store.add([
                FairStackTransaction(id: "a", time: friday - .days(1), model: "m", modality: "image", micro: 2_500_000)
            ])
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_credits_spent_total", ["model": "m", "unit": "eur"]) == 2.5)
                #expect(scrape.value("genai_balance_credits", ["unit": "eur"]) == -2.5)
                for family in ["genai_cost_usd_total", "genai_modality_cost_usd_total", "genai_balance_usd"] {
                    #expect(scrape.samples(family).isEmpty)
                }
            }
        }
    }
}
