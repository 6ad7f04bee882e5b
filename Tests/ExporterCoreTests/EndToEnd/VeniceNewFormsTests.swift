import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// The newer forms of Venice.ai's responses on /metrics: empty balances, DIEM budgets, names of keys, refunds, other
/// units, refused requests.
@Suite struct VeniceNewFormsTests {
    private static let labels = ["provider": "venice", "account": "stack"]

    /// Whether the account may spend: the sample without a key.
    private func isAllowed(_ scrape: Scrape) -> Double? {
        scrape.samples("genai_spending_allowed").first { $0.labels["key", default: ""].isEmpty }?.value
    }

    private func image(_ id: String, _ time: Timestamp, price: Int, currency: String = "USD", key: String? = nil)
        -> VeniceCharge
    {
        var charge = VeniceCharge(
            id: id, time: time, model: "grok-imagine-image", work: .images(1), unitPrice: ExactDecimal(micros: price))
        charge.currency = currency
        charge.keyID = key
        return charge
    }

    @Test("a balance that is used up is 0 and not absent, and spending is not allowed")
    func emptyBalance() async throws {
        try await VeniceRig.run(balance: ExactDecimal(micros: 420_000), change: { $0.diemAllocation = nil }) { rig in
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                #expect(first.value("genai_balance_usd", Self.labels) == 0.42)
                #expect(isAllowed(first) == 1)
                #expect(first.value("genai_balance_credits", ["unit": "diem"]) == nil)
                #expect(first.samples("genai_balance_allocation_credits").isEmpty)
                rig.store.add(image("all", rig.clock.now, price: 420_000))
                let second = try await rig.scrape(after: exporter)
                #expect(second.value("genai_balance_usd", Self.labels) == 0)
                #expect(second.value("genai_balance_credits", ["unit": "earned_credits"]) == 0)
                #expect(isAllowed(second) == 0)
            }
        }
    }

    @Test("a DIEM key about to stop has a budget in credits, and a key that is not admitted may not spend")
    func diemKey() async throws {
        let change = { (account: inout VeniceAccount) in
            account.diemAllocation = ExactDecimal(100)
            account.keys[1].diemLimit = ExactDecimal(10)
            account.isAdmitted = false
        }
        try await VeniceRig.run(change: change) { rig in
            rig.store.add(image("d", friday - .minutes(5), price: 9_800_000, currency: "DIEM", key: "key-b"))
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                let key = ["key": "quote\"back\\slash", "scope": "key", "unit": "diem"]
                #expect(scrape.value("genai_budget_limit_credits", key) == 10)
                #expect(scrape.value("genai_budget_spent_credits", key) == 9.8)
                #expect(scrape.value("genai_budget_period_seconds", ["key": "quote\"back\\slash"]) == 86_400)
                #expect(scrape.value("genai_balance_allocation_credits", ["unit": "diem"]) == 100)
                #expect(scrape.value("genai_balance_credits", ["unit": "diem"]) == 90.2)
                #expect(scrape.value("genai_spending_allowed", ["key": "api_key"]) == 0)
                // The account itself may.
                #expect(isAllowed(scrape) == 1)
            }
        }
    }

    @Test("a limit of 0 USD yields no budget, and stops only a key without DIEM", arguments: [nil, 100])
    func usdIsOff(allocation: Int?) async throws {
        let change = { (account: inout VeniceAccount) in
            account.diemAllocation = allocation.map { ExactDecimal($0) }
            account.keys[1].usdLimit = .zero
        }
        try await VeniceRig.run(change: change) { rig in
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                let key = ["key": "quote\"back\\slash"]
                #expect(scrape.value("genai_spending_allowed", key) == (allocation == nil ? 0 : 1))
                #expect(scrape.value("genai_budget_limit_usd", key) == nil)
                #expect(scrape.value("genai_budget_limit_usd", ["key": "team a"]) == 40)
                #expect(scrape.value("genai_spending_allowed", ["key": "team a"]) == nil)
            }
        }
    }

    @Test("cost, budget and refused requests of a key join by its name")
    func names() async throws {
        let change = { (account: inout VeniceAccount) in
            for index in account.keys.indices { account.keys[index].usdLimit = ExactDecimal(5) }
        }
        try await VeniceRig.run(change: change) { rig in
            let ids = (VeniceRig.keys + VeniceRig.unnamedKeys).map(\.id)
            for id in ids {
                rig.store.add(image(id, friday - .minutes(9), price: 250_000, key: id))
                rig.refusals.add([VeniceRefusal(time: friday - .minutes(8), keyID: id, model: "m")])
            }
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                let names = Set(ids.map { VeniceRig.name(ofKey: $0) })
                #expect(names.isSuperset(of: ["Key ...a1b2c3", "twin (...111111)", "twin (...222222)"]))
                for family in [
                    "genai_key_cost_usd_total", "genai_budget_limit_usd", "genai_budget_spent_usd", "genai_key_info",
                    "genai_throttled_requests_total",
                ] {
                    #expect(Set(scrape.samples(family).compactMap { $0.labels["key"] }) == names, "\(family)")
                }
            }
        }
    }

    @Test("DIEM that is charged and given back shows as spent and as refunded")
    func refund() async throws {
        try await VeniceRig.run { rig in
            let charge = image("video", friday - .minutes(9), price: 2_500_000, currency: "DIEM")
            rig.store.add(charge)
            rig.store.add(VeniceIncome(refunding: charge, at: friday - .minutes(1)))
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                let labels = ["model": "grok-imagine-image", "unit": "diem"]
                #expect(scrape.value("genai_credits_spent_total", labels) == 2.5)
                #expect(scrape.value("genai_credits_refunded_total", labels) == 2.5)
                #expect(scrape.value("genai_requests_total", ["model": "grok-imagine-image"]) == 1)
                #expect(scrape.value("genai_usage_units_total", ["model": "grok-imagine-image", "unit": "image"]) == 1)
            }
        }
    }

    @Test("refused requests count once over restarts, and their counter never falls")
    func refusedRequests() async throws {
        try await VeniceRig.run { rig in
            func refuse(_ count: Int, limit: String = "RPM") {
                rig.refusals.add(
                    (0..<count).map {
                        VeniceRefusal(
                            time: rig.clock.now - .milliseconds($0), keyID: "key-a", model: "llama-3.3-70b", type: limit
                        )
                    })
            }
            func counts(_ scrape: Scrape) -> [String: Double] {
                let samples = scrape.samples("genai_throttled_requests_total")
                return Dictionary(uniqueKeysWithValues: samples.map { ($0.labels["limit", default: ""], $0.value) })
            }
            refuse(30)
            var last: Scrape?
            for (refused, expected) in [(10, 40.0), (0, 40), (40, 80)] {
                refuse(refused)
                let scrape = try await rig.rig.withExporter { try await rig.scrape(after: $0) }
                #expect(counts(scrape) == ["rpm": expected])
                if let last { expectNoFall(from: last, to: scrape) }
                last = scrape
                rig.clock.advance(by: .hours(5))
            }
            // More than the list holds: a lower bound.
            refuse(60)
            refuse(1, limit: "TPM")
            let full = try await rig.rig.withExporter { try await rig.scrape(after: $0) }
            #expect(counts(full)["tpm"] == 1)
            #expect((120...129).contains(counts(full)["rpm"] ?? 0))
            #expect(full.value("genai_up", ["source": "rate_limit_log"]) == 1)
        }
    }

    @Test("cost by modality sums to the provider's total, and models have a modality")
    func modality() async throws {
        try await VeniceRig.run { rig in
            let traffic = VeniceTestTraffic(random: SeededRandom(11))
            rig.store.add(traffic.charges(300, in: Period(start: friday - .days(2), end: friday)))
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                rig.expectTruth(scrape)
                #expect(scrape.value("genai_modality_cost_usd_total", ["modality": "llm"]) ?? 0 > 0)
                #expect(
                    scrape.samples("genai_model_info").contains {
                        $0.labels["model"] == "grok-imagine-image" && $0.labels["modality"] == "image"
                    })
                #expect(
                    scrape.value(
                        "genai_model_alias_info", ["model": "claude-sonnet-5-api", "limit_model": "claude-sonnet-5"])
                        == 1)
            }
        }
    }
}
