import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// /metrics exactly equals OpenAI's costs and usage by every label, despite pages, restatements and restarts.
@Suite(.timeLimit(.minutes(5))) struct OpenAITruthTests {
    private let history = Period(start: friday - .days(29), end: friday)

    @Test(
        "the first sync equals the provider's figures by every label, in at most 40 requests",
        arguments: ["text", "numbers", "pages", "result"])
    func firstSync(form: String) async throws {
        try await OpenAIRig.run(forms: { forms in
            forms.writesAmountsAsText = form != "numbers"
            forms.writesResult = form == "result"
            if form == "pages" {
                forms.mostBuckets = 12
                forms.mostEntries = 1
            }
        }) { rig in
            rig.use(1500, in: history, SeededRandom(1))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                rig.expectTruth(scrape)
                #expect(scrape.value("genai_corrections_usd_total") == 0)
                #expect(rig.server.log.total <= 40, "\(rig.server.log.requests.map(\.path))")
                if form != "pages" {
                    // Costs in total and by key, six endpoints of usage, the limit, the projects and three lists of keys.
                    #expect(rig.server.log.total == 2 + 6 + 1 + 1 + 3)
                }
                #expect(scrape.value("genai_key_info", ["key": "twin (...222222)", "key_id": "key_twin222222"]) == 1)
                #expect(
                    scrape.value("genai_key_info", ["key": "quote\"back\\slash", "key_type": "service_account"]) == 1)
                #expect(scrape.samples("genai_key_info").count == 5)
                #expect(scrape.value("genai_budget_limit_usd", ["scope": "organization"]) == 500.5)
                #expect(scrape.samples("genai_rate_limit_requests_per_minute").isEmpty)
                #expect(scrape.samples("genai_budget_spent_usd").isEmpty)
            }
        }
    }

    @Test("late, restated, removed and negative usage is counted once, and no counter decreases")
    func restated() async throws {
        try await OpenAIRig.run { rig in
            let random = SeededRandom(2)
            rig.use(600, in: history, random)
            func charge(_ model: String, _ amount: Int) -> OpenAIUse {
                OpenAIUse(
                    time: friday - .days(8), keyID: "key_web000001", model: model,
                    lines: [.init("\(model), input", ExactDecimal(amount))])
            }
            let (rising, falling) = (rig.store.add(charge("rising", 4)), rig.store.add(charge("falling", 5)))
            try await rig.rig.withExporter { exporter in
                var last = try await rig.scrape(after: exporter)
                rig.expectTruth(last)
                // Today's and yesterday's, some of it late.
                let today = Period(start: friday.day.start - .hours(20), end: friday)
                for index in 0..<40 {
                    var use = OpenAIRig.use(in: today, random)
                    if index % 2 == 0 { use.visibleFrom = friday + .minutes(30) }
                    rig.store.add(use)
                }
                for step in [Duration.minutes(5), .minutes(40), .hours(5), .hours(18)] {
                    rig.clock.advance(by: step)
                    let scrape = try await rig.scrape(after: exporter)
                    expectNoFall(from: last, to: scrape)
                    last = scrape
                }
                rig.expectTruth(last)
                #expect(last.value("genai_corrections_usd_total") == 0)
                // The provider restates usage, removes other usage, and gives a credit.
                rig.store.replace(rising, by: charge("rising", 7))
                rig.store.replace(falling, by: nil)
                var credit = charge("", 0)
                credit.keyID = nil
                credit.endpoint = nil
                credit.lines = [.init("credit", ExactDecimal(-2))]
                rig.store.add(credit)
                // A day of this month is read again within a day.
                rig.clock.advance(by: .hours(25))
                let after = try await rig.scrape(after: exporter)
                expectNoFall(from: last, to: after)
                #expect(after.value("genai_cost_usd_total", ["model": "rising"]) == 7)
                #expect(after.value("genai_cost_usd_total", ["model": "falling"]) == 5)
                #expect(after.value("genai_corrections_usd_total") == 7)
                let counters = after.samples("genai_cost_usd_total").reduce(0) { $0 + $1.value }
                let truth = rig.uses.flatMap(\.lines).reduce(ExactDecimal.zero) { $0 + $1.amount }
                #expect(abs(counters - 7 - truth.doubleValue) < 1e-6)
                #expect(after.value("genai_reconciliation_difference_usd") == 0)
            }
        }
    }

    @Test("a day is restated until eight days after its month, then it is final")
    func monthEnd() async throws {
        // 2026-12-08T15:00:00Z, the eighth day after November.
        try await OpenAIRig.run { rig in
            let use = OpenAIUse(
                time: friday - .days(5), keyID: "key_web000001", model: "m",
                lines: [.init("m, input", ExactDecimal(10))])
            let id = rig.store.add(use)
            func restate(_ amount: Int) {
                var changed = use
                changed.lines = [.init("m, input", ExactDecimal(amount))]
                rig.store.replace(id, by: changed)
            }
            func cost(_ scrape: Scrape) -> Double? {
                scrape.value("genai_cost_usd_total", ["key": "web", "model": "m"])
            }
            try await rig.rig.withExporter { exporter in
                #expect(cost(try await rig.scrape(after: exporter)) == 10)
                rig.clock.move(to: friday + .days(17))
                _ = try await exporter.syncOnce()
                restate(12)
                rig.clock.advance(by: .minutes(20))
                #expect(cost(try await rig.scrape(after: exporter)) == 10)
                // The last reading of November, on 9 December.
                rig.clock.move(to: friday.day.advanced(by: 19).start + .minutes(1))
                #expect(cost(try await rig.scrape(after: exporter)) == 12)
                restate(15)
                rig.clock.advance(by: .days(3))
                #expect(cost(try await rig.scrape(after: exporter)) == 12)
            }
        }
    }

    /// Asserts that the counters of each view of cost sum to the provider's total.
    private func expectSum(_ scrape: Scrape, of rig: OpenAIRig, sourceLocation: SourceLocation = #_sourceLocation) {
        let truth = rig.uses.flatMap(\.lines).reduce(ExactDecimal.zero) { $0 + $1.amount }.doubleValue
        for family in [
            "genai_cost_usd_total", "genai_key_cost_usd_total", "genai_openai_line_item_cost_usd_total",
        ] {
            let sum = scrape.samples(family).reduce(0) { $0 + $1.value }
            #expect(abs(sum - truth) < 1e-9, "\(family)", sourceLocation: sourceLocation)
        }
        #expect(scrape.value("genai_corrections_usd_total") == 0, sourceLocation: sourceLocation)
        #expect(scrape.value("genai_reconciliation_difference_usd") == 0, sourceLocation: sourceLocation)
    }

    @Test("a total beyond the rows of a past day has no key, and stays there when its row appears")
    func remainder() async throws {
        let extra = ExactDecimal("0.12345678901234567") ?? .zero
        try await OpenAIRig.run(forms: { $0.unlisted = [friday.day.advanced(by: -2): extra] }) { rig in
            rig.use(300, in: history, SeededRandom(3))
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                rig.expectTruth(scrape, extra: extra)
                // Later the row appears.
                rig.account.forms.withLockedValue { $0.unlisted = [:] }
                rig.store.add(
                    OpenAIUse(
                        time: friday - .days(2), keyID: "key_web000001", model: "late",
                        lines: [.init("late, input", extra)]))
                var last = scrape
                for _ in 0..<2 {
                    rig.clock.advance(by: .hours(25))
                    let after = try await rig.scrape(after: exporter)
                    expectNoFall(from: last, to: after)
                    expectSum(after, of: rig)
                    #expect(after.samples("genai_cost_usd_total").contains { $0.labels["model"] == "late" } == false)
                    #expect(after.value("genai_requests_total", ["model": "late"]) == 1)
                    last = after
                }
            }
        }
    }

    @Test("rows that are later than the total are counted once, under their keys")
    func lateRows() async throws {
        try await OpenAIRig.run(forms: { $0.rowsLag = .minutes(12) }) { rig in
            rig.use(200, in: Period(start: history.start, end: friday - .hours(1)), SeededRandom(11))
            try await rig.rig.withExporter { exporter in
                var last = try await rig.scrape(after: exporter)
                expectSum(last, of: rig)
                for _ in 0..<12 {
                    rig.store.add(
                        OpenAIUse(
                            time: rig.clock.now, keyID: "key_web000001", model: "m",
                            lines: [.init("m, input", ExactDecimal(1))]))
                    rig.clock.advance(by: .minutes(5))
                    let next = try await rig.scrape(after: exporter)
                    expectNoFall(from: last, to: next)
                    #expect(next.value("genai_corrections_usd_total") == 0)
                    #expect((next.value("genai_reconciliation_difference_usd") ?? 0) >= 1)
                    last = next
                }
                rig.clock.advance(by: .minutes(12))
                let after = try await rig.scrape(after: exporter)
                rig.expectTruth(after)
                expectSum(after, of: rig)
            }
        }
    }

    @Test("idle days may be omitted, also those before the organization existed")
    func idleDays() async throws {
        try await OpenAIRig.run(forms: { $0.omitsIdleDays = true }) { rig in
            func use(_ time: Timestamp, _ endpoint: String = "completions") {
                var use = OpenAIUse(
                    time: time, keyID: "key_web000001", model: "m", input: 1000, output: 10, price: ExactDecimal(1))
                use.endpoint = endpoint
                rig.store.add(use)
            }
            for days in [0, 2, 5] { use(friday - .days(days)) }
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                rig.expectTruth(first)
                for source in ["costs", "usage"] { #expect(first.value("genai_up", ["source": source]) == 1) }
                // A day without usage, then one with usage of another endpoint.
                rig.clock.advance(by: .hours(48))
                use(rig.clock.now - .hours(1), "audio_transcriptions")
                let second = try await rig.scrape(after: exporter)
                rig.expectTruth(second)
                expectNoFall(from: first, to: second)
                rig.clock.advance(by: .hours(24))
                let third = try await rig.scrape(after: exporter)
                rig.expectTruth(third)
                #expect(third.value("genai_corrections_usd_total") == 0)
                let through = third.value("genai_data_through_timestamp_seconds", ["source": "usage"])
                #expect(through == rig.clock.now.day.start.seconds)
            }
        }
    }

    @Test("usage that arrives while costs are read causes no difference, and is counted at the next sync")
    func arrivals() async throws {
        try await OpenAIRig.run { rig in
            let random = SeededRandom(4)
            let today = Period(start: friday.day.start, end: friday)
            rig.use(50, in: today, random)
            rig.account.forms.withLockedValue { forms in
                forms.arrivals = (0..<3).map { _ in OpenAIRig.use(in: today, random) }
            }
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                #expect(first.value("genai_reconciliation_difference_usd") ?? 0 == 0)
                #expect(first.value("genai_corrections_usd_total") == 0)
                rig.clock.advance(by: .minutes(5))
                let second = try await rig.scrape(after: exporter)
                rig.expectTruth(second)
                expectNoFall(from: first, to: second)
                #expect(second.value("genai_corrections_usd_total") == 0)
            }
        }
    }

    @Test("a renamed key has its new name from the next day on, and nothing is counted twice")
    func renamed() async throws {
        try await OpenAIRig.run { rig in
            rig.use(200, in: history, SeededRandom(5))
            rig.store.add(
                OpenAIUse(
                    time: friday - .hours(1), keyID: "key_web000001", model: "m",
                    lines: [.init("m, input", ExactDecimal(1))]))
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                rig.account.keys.withLockedValue { $0[0].name = "renamed" }
                rig.clock.advance(by: .hours(5))
                rig.use(40, in: Period(start: friday, end: rig.clock.now), SeededRandom(6))
                let sameDay = try await rig.scrape(after: exporter)
                rig.expectTruth(sameDay)
                expectNoFall(from: first, to: sameDay)
                rig.clock.advance(by: .hours(20))
                var use = OpenAIUse(
                    time: rig.clock.now - .hours(1), keyID: "key_web000001", model: "new-model",
                    lines: [.init("new-model, input", ExactDecimal(1))])
                use.requests = 7
                rig.store.add(use)
                let nextDay = try await rig.scrape(after: exporter)
                let labels = ["key": "renamed", "model": "new-model"]
                #expect(nextDay.value("genai_cost_usd_total", labels) == 1)
                #expect(nextDay.value("genai_requests_total", labels) == 7)
                #expect(nextDay.value("genai_key_info", ["key": "renamed", "key_id": "key_web000001"]) == 1)
                #expect(nextDay.value("genai_corrections_usd_total") == 0)
            }
        }
    }

    @Test("an outage and a restart lose and repeat nothing")
    func outage() async throws {
        try await OpenAIRig.run { rig in
            let random = SeededRandom(7)
            rig.use(300, in: history, random)
            var before = try await rig.rig.withExporter { try await rig.scrape(after: $0) }
            for path in ["costs", "usage/completions", "usage/images", "projects"] {
                rig.account.forms.withLockedValue { $0.failures = [path: 500] }
                rig.use(30, in: Period(start: rig.clock.now - .hours(1), end: rig.clock.now), random)
                rig.clock.advance(by: .hours(9))
                try await rig.rig.withExporter { exporter in
                    let during = try await rig.scrape(after: exporter, succeeds: false)
                    expectNoFall(from: before, to: during)
                    before = during
                }
            }
            rig.account.forms.withLockedValue { $0.failures = [:] }
            rig.clock.advance(by: .minutes(5))
            try await rig.rig.withExporter { exporter in
                let after = try await rig.scrape(after: exporter)
                rig.expectTruth(after)
                expectNoFall(from: before, to: after)
                #expect(after.value("genai_corrections_usd_total") == 0)
            }
        }
    }

    @Test(
        "an invalid form changes no stored figure, and all usage is read afterwards",
        arguments: ["no cursor", "repeated cursor", "repeated rows", "currency", "hidden day", "empty days"])
    func invalidForms(form: String) async throws {
        try await OpenAIRig.run { rig in
            let random = SeededRandom(10)
            rig.use(300, in: history, random)
            try await rig.rig.withExporter { exporter in
                let before = try await rig.scrape(after: exporter)
                rig.expectTruth(before)
                rig.clock.advance(by: .hours(24))
                rig.use(40, in: Period(start: friday, end: rig.clock.now), random)
                rig.account.forms.withLockedValue { forms in
                    if form.hasSuffix("cursor") { forms.mostBuckets = 4 }
                    forms.omitsCursor = form == "no cursor"
                    forms.repeatsCursor = form == "repeated cursor"
                    forms.repeatsRows = form == "repeated rows"
                    if form == "currency" { forms.currency = "eur" }
                    if form == "hidden day" { forms.hiddenDays = [friday.day] }
                    if form == "empty days" { forms.emptyDays = Set((0...30).map { friday.day.advanced(by: -$0) }) }
                    forms.isEnforcing = true
                }
                let during = try await rig.scrape(after: exporter, succeeds: false)
                let up = during.value("genai_up", ["source": "costs"])
                #expect(up == 0)
                #expect(during.value("genai_syncs_total", ["source": "costs", "result": "decode"]) == 1)
                expectNoFall(from: before, to: during)
                func costs(_ scrape: Scrape) -> [String: Double] {
                    scrape.counters.filter { $0.key.contains("cost_usd_total") }
                }
                // The current day is read.
                if !form.contains("day") { #expect(costs(during) == costs(before)) }
                #expect(during.value("genai_corrections_usd_total") == 0)
                #expect(during.value("genai_spending_allowed", ["account": "gpt"]) == 0)
                rig.account.forms.withLockedValue { $0 = OpenAIForms() }
                rig.clock.advance(by: .minutes(5))
                let after = try await rig.scrape(after: exporter)
                rig.expectTruth(after)
                expectNoFall(from: during, to: after)
                #expect(after.value("genai_corrections_usd_total") == 0)
                #expect(after.samples("genai_spending_allowed").isEmpty)
            }
        }
    }

    @Test("a sync with nothing new is two requests for costs and six for usage, and names once a day")
    func requests() async throws {
        try await OpenAIRig.run { rig in
            rig.use(300, in: history, SeededRandom(8))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                for _ in 0..<12 {
                    let before = (costs: rig.requests("costs"), usage: rig.requests("usage"))
                    rig.clock.advance(by: .minutes(5))
                    _ = try await exporter.syncOnce()
                    #expect(rig.requests("costs") - before.costs == 2)
                    #expect(rig.requests("usage") - before.usage == 6)
                }
                // A forced sync reads keys each time; a listing is used for 50 minutes.
                #expect(rig.requests("projects/proj_0/api_keys") == 2)
            }
        }
    }

    @Test("the keys of many projects are listed at 60 requests a minute")
    func manyProjects() async throws {
        try await OpenAIRig.run(projects: (0..<100).map { "proj_\($0)" }) { rig in
            rig.use(100, in: history, SeededRandom(12))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                rig.expectTruth(try exporter.scrape())
                #expect(rig.requests("projects") == 100)
                #expect(rig.server.log.total == 2 + 6 + 100)
                #expect(rig.clock.slept.count { $0 == .seconds(60) } == 2 + 6 + 100 - 60)
            }
        }
    }

    @Test("an account of one project has its usage, limits and rate limits only")
    func project() async throws {
        try await OpenAIRig.run(projects: ["proj_1"]) { rig in
            rig.use(300, in: history, SeededRandom(9))
            let uses = rig.uses.filter { $0.projectID == "proj_1" }
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                let cost = scrape.samples("genai_key_cost_usd_total").reduce(0) { $0 + $1.value }
                let truth = uses.flatMap(\.lines).reduce(ExactDecimal.zero) { $0 + $1.amount }
                #expect(abs(cost - truth.doubleValue) < 1e-9)
                #expect(scrape.samples("genai_requests_total").reduce(0) { $0 + $1.value } == Double(uses.count))
                #expect(scrape.value("genai_budget_limit_usd", ["scope": "project"]) == 500.5)
                #expect(scrape.value("genai_rate_limit_requests_per_minute", ["model": "m"]) == 500)
                #expect(scrape.value("genai_rate_limit_tokens_per_minute", ["model": "m"]) == 30_000)
                #expect(rig.requests("projects") == 3)
            }
        }
    }

    @Test(
        "a first sync at midnight, and one on the first of a month",
        arguments: [
            friday.day.advanced(by: 1).start, friday.day.advanced(by: 11).start,
        ])
    func midnight(now: Timestamp) async throws {
        try await OpenAIRig.run(at: now) { rig in
            // The day that has just begun is not listed yet.
            rig.account.forms.withLockedValue { $0.hiddenDays = [now.day] }
            let use = OpenAIUse(
                time: now - .seconds(1), keyID: "key_web000001", model: "m", lines: [.init("m, input", ExactDecimal(3))]
            )
            rig.store.add(use)
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                #expect(scrape.value("genai_cost_usd_total", ["key": "web", "model": "m"]) == 3)
                #expect(
                    scrape.value("genai_window_cost_usd", ["key": "web", "model": "m", "window": "yesterday"]) == 3)
                #expect(scrape.value("genai_up", ["source": "costs"]) == 1)
                rig.account.forms.withLockedValue { $0.hiddenDays = [] }
                rig.clock.advance(by: .minutes(5))
                let next = try await rig.scrape(after: exporter)
                #expect(next.value("genai_cost_usd_total", ["key": "web", "model": "m"]) == 3)
            }
        }
    }
}
