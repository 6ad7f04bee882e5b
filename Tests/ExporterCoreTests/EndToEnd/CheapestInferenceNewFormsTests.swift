import ConfigReading
import ExporterTestSupport
import Foundation
import PrometheusExposition
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Keys, subscriptions and top-ups on /metrics, in both published versions of the API.
@Suite struct CheapestInferenceNewFormsTests {
    private static let optional = ["api_keys", "billing_credits", "billing_status"]
    private static let paths = ["/cheapestinference/api/keys", "/cheapestinference/api/billing"]
    private static let gauges = [
        "genai_key_info", "genai_key_last_used_timestamp_seconds", "genai_key_expiry_timestamp_seconds",
        "genai_plan_renews", "genai_plan_expiry_timestamp_seconds", "genai_balance_usd",
    ]

    /// The values of a family by key, or by key and another label.
    private func values(_ family: String, and label: String? = nil, _ scrape: Scrape) -> [[String]: Double] {
        let labels = ["key"] + (label.map { [$0] } ?? [])
        return Dictionary(
            scrape.samples(family).map { sample in (labels.map { sample.labels[$0, default: ""] }, sample.value) },
            uniquingKeysWith: { first, _ in first })
    }

    private func values(of families: [String], _ scrape: Scrape) -> [String: [[String: String]: Double]] {
        Dictionary(
            uniqueKeysWithValues: families.map { family in
                let samples = scrape.samples(family).map { sample in
                    (Dictionary(uniqueKeysWithValues: sample.labels.map { ($0.key, $0.value) }), sample.value)
                }
                return (family, Dictionary(samples, uniquingKeysWith: { first, _ in first }))
            })
    }

    @Test(
        "both versions report keys, subscriptions and the balance without conflicting series",
        arguments: CheapestInferenceAPI.Management.allCases)
    func forms(management: CheapestInferenceAPI.Management) async throws {
        try await CheapestInferenceRig.run(
            seed: 1, management: management, adjust: { $0.keys.removeLast() }
        ) { rig in
            rig.use(20, in: Period(start: friday - .days(20), end: friday - .minutes(10)))
            rig.keys[0].add(rig.request(at: friday - .minutes(1)))
            rig.keys[2].setActive(false)
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                let up = scrape.samples("genai_up")
                #expect(up.count == 6 && up.filter { $0.value != 1 }.isEmpty)
                let names = rig.keys.map(\.properties.name)
                let prod = names[0]
                for family in ["genai_key_info", "genai_key_created_timestamp_seconds", "genai_key_active"] {
                    let keys = scrape.samples(family).map { $0.labels["key", default: ""] }
                    #expect(keys.sorted() == names.sorted(), "\(family)")
                }
                #expect(scrape.value("genai_key_info", ["key": prod, "key_id": "id-100"]) == 1)
                #expect(values("genai_key_active", scrape) == [[names[0]]: 1, [names[1]]: 1, [names[2]]: 0])
                // The third key is not among the configured ones: the list of keys reports it.
                #expect(values("genai_spending_allowed", scrape) == [[names[2]]: 0])
                let expiry = (friday + .days(40)).seconds
                #expect(values("genai_key_expiry_timestamp_seconds", scrape) == [[prod]: expiry])
                let lastUsed = scrape.value("genai_key_last_used_timestamp_seconds", ["key": prod])
                #expect(lastUsed == (management == .newer ? (friday - .minutes(1)).seconds : nil))
                let plans = scrape.samples("genai_plan_info").filter { $0.labels["key"] == prod }
                #expect(plans.map { $0.labels["plan"] } == ["pro"])
                let account = (friday + .days(management == .newer ? 5 : 9)).seconds
                #expect(values("genai_plan_expiry_timestamp_seconds", scrape) == [[prod]: expiry, [""]: account])
                #expect(
                    values("genai_plan_renews", and: "plan", scrape)
                        == (management == .newer
                            ? [["", "kimi26"]: 1, ["", "minimax-m3"]: 0] : [[prod, "pro"]: 1, ["", "standard"]: 1]))
                #expect(scrape.samples("genai_balance_usd").count == 1)
            }
        }
    }

    @Test(
        "top-ups count from the first reading on, also across restarts, falls and outages",
        arguments: CheapestInferenceAPI.Management.allCases)
    func topUps(management: CheapestInferenceAPI.Management) async throws {
        try await CheapestInferenceRig.run(seed: 2, management: management) { rig in
            rig.account.topUp(ExactDecimal(700))
            var last: Scrape?
            /// Restarts, tops up, and syncs.
            func expect(_ total: Double, afterToppingUp amount: Int, succeeds: Bool = true) async throws {
                rig.account.topUp(ExactDecimal(amount))
                rig.clock.advance(by: .hours(1))
                rig.use(3, in: Period(start: rig.clock.now - .hours(1), end: rig.clock.now))
                try await rig.rig.withExporter { exporter in
                    if let last { expectNoFall(from: last, to: try exporter.scrape()) }
                    #expect(try await exporter.syncOnce() == succeeds)
                    let scrape = try exporter.scrape()
                    #expect(scrape.value("genai_topups_usd_total") == total)
                    #expect(scrape.value("genai_corrections_usd_total") ?? 0 == 0)
                    last = scrape
                }
            }
            try await expect(0, afterToppingUp: 50)
            try await expect(0, afterToppingUp: 0)
            try await expect(25, afterToppingUp: 25)
            rig.server.faults.stand(.status(503), at: "/cheapestinference/api/billing")
            try await expect(25, afterToppingUp: 10, succeeds: false)
            rig.server.faults.clear()
            try await expect(40, afterToppingUp: 5)
            // The provider takes a top-up back, and credits it again.
            try await expect(40, afterToppingUp: -20)
            try await expect(40, afterToppingUp: 20)
            rig.server.faults.stand(.style(.withoutOptionalFields), at: "/cheapestinference/api/billing/credits")
            try await expect(40, afterToppingUp: 7)
            rig.server.faults.clear()
            try await expect(47, afterToppingUp: 0)
        }
    }

    @Test("endpoints that do not exist are no failures, and report nothing", arguments: [404, 403])
    func missing(status: Int) async throws {
        try await CheapestInferenceRig.run(seed: 3, management: status == 404 ? nil : .newer) { rig in
            if status == 403 { for path in Self.paths { rig.server.faults.stand(.status(403), at: path) } }
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                for source in Self.optional { #expect(scrape.value("genai_up", ["source": source]) == 1) }
                for family in ["genai_topups_usd_total", "genai_plan_renews", "genai_key_last_used_timestamp_seconds"] {
                    #expect(scrape.samples(family).isEmpty, "\(family)")
                }
                // The other sources still report the keys and the balance.
                #expect(scrape.samples("genai_key_info").count == 3 && scrape.samples("genai_balance_usd").count == 1)
            }
        }
    }

    @Test(
        "endpoints that responded before and fail now are failures, and their figures stay",
        arguments: [
            Fault.status(404), .status(403), .status(500), .truncatedJSON, .status(200, body: #"{"error":"x"}"#),
            .status(200, body: #"{"success":false,"error":"x"}"#),
        ])
    func failsLater(fault: Fault) async throws {
        try await CheapestInferenceRig.run(seed: 4) { rig in
            rig.use(5, in: Period(start: friday - .days(20), end: friday))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let before = try exporter.scrape()
                for path in Self.paths { rig.server.faults.stand(fault, at: path) }
                rig.clock.advance(by: .minutes(10))
                #expect(try await !exporter.syncOnce())
                let during = try exporter.scrape()
                for source in Self.optional {
                    #expect(during.value("genai_up", ["source": source]) == 0, "\(source)")
                }
                #expect(values(of: Self.gauges, during) == values(of: Self.gauges, before))
                expectNoFall(from: before, to: during)
            }
        }
    }

    @Test(
        "figures of a list that is read hourly, or fails, do not hide that a key is deactivated",
        arguments: [nil, .newer] as [CheapestInferenceAPI.Management?])
    func deactivated(management: CheapestInferenceAPI.Management?) async throws {
        try await CheapestInferenceRig.run(seed: 5, management: management) { rig in
            try await rig.rig.withExporter { exporter in
                let labels = ["key": "prod"]
                for (isActive, allowed) in [(true, nil), (false, 0), (true, nil)] as [(Bool, Double?)] {
                    rig.keys[0].setActive(isActive)
                    rig.clock.advance(by: .minutes(5))
                    _ = try await exporter.syncOnce()
                    let scrape = try exporter.scrape()
                    #expect(scrape.value("genai_key_active", labels) == (isActive ? 1 : 0))
                    #expect(scrape.value("genai_spending_allowed", labels) == allowed)
                    rig.server.faults.stand(.status(503), at: "/cheapestinference/api")
                }
            }
        }
    }

    @Test("a subscription that expires refuses spending, and a canceled pledge ends")
    func expires() async throws {
        try await CheapestInferenceRig.run(seed: 6) { rig in
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                rig.clock.advance(by: .days(41))
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_spending_allowed", ["key": "prod"]) == 0)
                #expect(scrape.value("genai_plan_info", ["key": "prod", "status": "expired"]) == 1)
                #expect(scrape.value("genai_plan_info", ["plan": "minimax-m3", "status": "canceled"]) == 1)
                #expect(scrape.value("genai_plan_renews", ["plan": "minimax-m3"]) == 0)
                // The pledge that is active has renewed.
                let end = scrape.value("genai_plan_expiry_timestamp_seconds", ["key": ""])
                #expect(end == (friday + .days(50)).seconds)
            }
        }
    }

    @Test("an empty price list and empty reset times are accepted without a remark")
    func emptyForms() async throws {
        var quirks = CheapestInferenceQuirks()
        quirks.omitsPlans = true
        quirks.emptyResetPercentage = 100
        let log = CapturedLog()
        try await CheapestInferenceRig.run(seed: 7, quirks: quirks, wrapsUsage: true) { rig in
            rig.use(5, in: Period(start: friday - .days(2), end: friday))
            try await rig.rig.withExporter(adjust: { $0.logger = log.logger(clock: rig.clock) }) { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.samples("genai_plan_price_usd").isEmpty)
                #expect(scrape.samples("genai_budget_reset_timestamp_seconds").isEmpty)
                #expect(scrape.samples("genai_budget_spent_usd").count == 3)
                #expect(scrape.samples("genai_cost_usd_total").count == 3)
                #expect(!log.lines.contains { $0.contains("unexpected response") })
            }
        }
    }

    @Test("no log line, page or stored byte has a key of the list")
    func secrets() async throws {
        let log = CapturedLog()
        // Keys that the config does not have, so that no redaction hides them.
        try await CheapestInferenceRig.run(seed: 8, adjust: { $0.keys = [] }) { rig in
            rig.use(5, in: Period(start: friday - .days(2), end: friday))
            let secrets = rig.keys.map(\.properties.listedSecret)
            let leaky = #"{"success":false,"error":"\#(secrets.joined(separator: " "))","message":"\#(secrets[0])"}"#
            let list = Self.paths[0]
            try await rig.rig.withExporter(adjust: { $0.logger = log.logger(clock: rig.clock) }) { exporter in
                var shown: [String] = []
                let faults: [Fault?] =
                    [nil] + [200, 400, 401, 403, 404, 429, 500].map { .status($0, body: leaky) } + [
                        .truncatedJSON, .style(.numbersAsStrings), .headers(["Content-Type": "text/plain"]), nil,
                    ]
                for fault in faults {
                    rig.server.faults.clear()
                    if let fault { rig.server.faults.stand(fault, at: list) }
                    rig.clock.advance(by: .minutes(10))
                    _ = try await exporter.syncOnce()
                    for format in [ExpositionFormat.text004, .openMetrics100] {
                        shown.append(
                            String(decoding: exporter.store.current.body(format, .identity).bytes, as: UTF8.self))
                    }
                    shown += try await exporter.overview().map { "\($0)" }
                }
                #expect(try exporter.scrape().samples("genai_key_last_used_timestamp_seconds").count == 3)
                #expect(rig.server.log.count(list) >= faults.count)
                #expect(log.lines.contains { $0.contains("source=api_keys") && $0.contains("HTTP 500") })
                expectNone(of: secrets, in: shown + log.lines)
            }
            let files = try #require(FileManager.default.enumerator(atPath: rig.rig.folder)?.allObjects as? [String])
            #expect(files.contains { $0.hasSuffix(".sqlite") || $0.contains("ledger") })
            for file in files {
                let data = FileManager.default.contents(atPath: rig.rig.folder + "/" + file) ?? Data()
                for secret in secrets { #expect(data.range(of: Data(secret.utf8)) == nil, "\(file)") }
            }
        }
    }

    private func expectNone(of secrets: [String], in texts: [String]) {
        for text in texts {
            for secret in secrets {
                let isShown = text.contains(secret)
                #expect(!isShown, "\(text.prefix(300))")
            }
        }
    }
}
