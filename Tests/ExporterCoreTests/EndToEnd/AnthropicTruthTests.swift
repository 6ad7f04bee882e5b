import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Providers
import TestSupport
import Testing
import UsageModel

@testable import ExporterCore

/// One simulated Anthropic organization in its own exporter, with 30 days of history.
private struct AnthropicRig {
    static let keys = [
        AnthropicKey(id: "apikey_aaa111", name: "web", created: friday - .days(90)),
        AnthropicKey(id: "apikey_bbb222", name: "web", created: friday - .days(80)),
        AnthropicKey(id: "apikey_ccc333", name: "quote\"back\\slash", created: friday - .days(70)),
        AnthropicKey(id: "apikey_ddd444", name: nil, created: friday - .days(60)),
    ]
    /// The labels by id; the archived key is not listed.
    static let labels = [
        "apikey_aaa111": "web (...aaa111)", "apikey_bbb222": "web (...bbb222)",
        "apikey_ccc333": "quote\"back\\slash", "apikey_ddd444": "apikey_ddd444", "apikey_archived": "apikey_archived",
    ]
    static let start = (friday - .days(30)).day.start

    let clock: ManualClock
    let account: AnthropicAccount
    let server: SimulatorServer
    let rig: ExporterRig

    var store: UsageEventStore { account.store }

    static func run(
        endpoint: AnthropicEndpointSetting = .auto, isolation: isolated (any Actor)? = #isolation,
        _ body: (AnthropicRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(friday)
        let store = UsageEventStore(clock: clock)
        var account = AnthropicAccount(name: "claude", token: "test-key", store: store)
        account.keys = keys
        account.usedKeys = keys.map(\.id) + ["apikey_archived", nil]
        account.limits = [
            (models: ["claude-a"], values: ["requests_per_minute": 50, "input_tokens_per_minute": 30_000])
        ]
        store.add(events(800, in: Period(start: start, end: friday), seed: 1))
        try await withTemporaryFolder { folder in
            try await withSimulator([AnthropicAPI(accounts: [account])], clock: clock) { server, baseURL in
                var options = AnthropicOptions(key: .literal("test-key"))
                options.endpoint = endpoint
                var configured = AccountConfiguration(
                    name: "claude", provider: ConfiguredProvider(Anthropic.self, options))
                configured.baseURL = baseURL + "/anthropic"
                configured.history = .days(30)
                try await body(
                    AnthropicRig(
                        clock: clock, account: account, server: server,
                        rig: ExporterRig(
                            clock: clock, folder: folder,
                            configuration: ExporterConfiguration(accounts: [configured]))))
            }
        }
    }

    /// Requests of two models and of none, with amounts of nine decimals; some of the older ones are negative.
    static func events(_ count: Int, in period: Period, seed: UInt64) -> [UsageEvent] {
        let random = SeededRandom(seed)
        let length = Int((period.end - period.start).wholeMilliseconds)
        return (0..<count).map { index in
            let time = Timestamp(milliseconds: period.start.milliseconds + Int64(random.int(0...(length - 1))))
            let amount = ExactDecimal("0.00\(random.int(1_000_000...9_999_999))") ?? .zero
            return UsageEvent(
                time: time, model: ["claude-a", "claude-b", ""][index % 7 == 0 ? 2 : index % 2], unitPrice: amount,
                cost: index % 41 == 0 && time < friday - .days(6) ? -amount : amount)
        }
    }

    func scrape(after exporter: Exporter, succeeds: Bool = true) async throws -> Scrape {
        #expect(try await exporter.syncOnce() == succeeds)
        _ = try exporter.scrape()
        clock.advance(by: .seconds(91))
        try await exporter.tick()
        return try exporter.scrape()
    }

    /// The requests that a sync sends, by path.
    func requests(of exporter: Exporter) async throws -> [String: Int] {
        let before = server.log.requests.count
        #expect(try await exporter.syncOnce())
        return Dictionary(server.log.requests.dropFirst(before).map { ($0.endpoint, 1) }, uniquingKeysWith: +)
    }

    /// The usage that the provider shows now, up to a time, by the joined values of labels.
    func truth(
        until end: Timestamp? = nil, _ value: (Int, UsageEvent) -> [(labels: [String], value: ExactDecimal)]
    ) -> [[String]: Double] {
        var sums: [[String]: ExactDecimal] = [:]
        for (number, event) in store.events(in: Period(start: Self.start, end: end ?? clock.now + .seconds(1))) {
            for item in value(number, event) { sums[item.labels, default: .zero] += item.value }
        }
        return sums.mapValues(\.doubleValue)
    }

    func key(_ number: Int) -> String {
        account.keyID(ofEvent: number, model: "").map { Self.labels[$0] ?? $0 } ?? ""
    }

    /// Asserts that cost, requests and tokens equal the provider's, by key and model.
    func expectTruth(_ scrape: Scrape, until end: Timestamp? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
        func served(_ family: String, _ names: [String]) -> [[String]: Double] {
            Dictionary(
                scrape.samples(family).map { sample in (names.map { sample.labels[$0, default: ""] }, sample.value) },
                uniquingKeysWith: +)
        }
        #expect(
            served("genai_cost_usd_total", ["key", "model"])
                == truth(until: end) { [(labels: [key($0), $1.model], value: $1.cost)] }, sourceLocation: sourceLocation
        )
        #expect(
            served("genai_key_cost_usd_total", ["key"]) == truth(until: end) { [(labels: [key($0)], value: $1.cost)] },
            sourceLocation: sourceLocation)
        #expect(
            served("genai_requests_total", ["key", "model"])
                == truth(until: end) { [(labels: [key($0), $1.model], value: ExactDecimal(1))] },
            sourceLocation: sourceLocation)
        #expect(
            served("genai_tokens_total", ["key", "model", "token_type"])
                == truth(until: end) { number, event in
                    tokens(number, event).map { (labels: [key(number), event.model, $0.key], value: $0.value) }
                }, sourceLocation: sourceLocation)
    }

    func tokens(_ number: Int, _ event: UsageEvent) -> [String: ExactDecimal] {
        let tokens = event.model.isEmpty ? AnthropicTokens() : AnthropicTokens(ofEvent: number)
        return [
            "input": tokens.input, "cache_input": tokens.cached, "cache_write": tokens.written5m + tokens.written1h,
            "output": tokens.output,
        ].mapValues { ExactDecimal($0) }
    }
}

/// /metrics exactly equals Anthropic's figures by every label, despite refreshes, pages, restatements and outages.
@Suite struct AnthropicTruthTests {
    @Test("the first sync of 30 days equals the provider's figures, in at most 40 requests")
    func firstSync() async throws {
        try await AnthropicRig.run { rig in
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                rig.expectTruth(scrape)
                #expect(rig.server.log.total == 8)
                // A burst within the limit of requests per minute.
                #expect(rig.clock.slept.isEmpty)
                #expect(scrape.value("genai_reconciliation_difference_usd") == 0)
                #expect(scrape.value("genai_data_through_timestamp_seconds", ["source": "cost"]) == friday.seconds)
                #expect(scrape.samples("genai_up").count == 4)
                #expect(scrape.samples("genai_up").allSatisfy { $0.value == 1 })
                #expect(scrape.samples("genai_key_info").count == 4)
                #expect(scrape.value("genai_key_info", ["key": "web (...bbb222)", "key_id": "apikey_bbb222"]) == 1)
                #expect(scrape.value("genai_rate_limit_requests_per_minute", ["model": "claude-a"]) == 50)
                #expect(scrape.value("genai_rate_limit_tokens_per_minute", ["model": "claude-a"]) == 30_000)
                #expect(scrape.samples("genai_window_cost_usd").contains { $0.labels["window"] == "today" })
            }
        }
    }

    @Test("a sync with nothing new sends four requests")
    func requests() async throws {
        try await AnthropicRig.run { rig in
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                rig.clock.advance(by: .minutes(5))
                let usual = try await rig.requests(of: exporter)
                #expect(usual["/v1/organizations/analytics/cost"] == 2)
                #expect(usual["/v1/organizations/analytics/usage"] == 2)
                // `once` reads the lists too, which `serve` reads once an hour.
                #expect(usual.values.reduce(0, +) <= 6)
            }
        }
    }

    @Test("pages of any length and cursors that expire yield the same figures", arguments: [1, 3, 7, 100])
    func pages(length: Int) async throws {
        try await AnthropicRig.run { rig in
            rig.account.conditions.current.longestPage = length * 10
            rig.account.conditions.current.tellsRefresh = false
            rig.account.conditions.current.expiredCursors = 2
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                rig.expectTruth(scrape)
                #expect(rig.account.conditions.current.expiredCursors == 0 || length == 100)
            }
        }
    }

    @Test("figures are those of the last refresh; the day of the refresh is open until the next")
    func refreshes() async throws {
        try await AnthropicRig.run { rig in
            rig.account.conditions.current.refreshInterval = .hours(4)
            try await rig.rig.withExporter { exporter in
                // The last refresh was at 12:00: what came after is incomplete, and may be served in part.
                let first = try await rig.scrape(after: exporter)
                let noon = friday - .hours(3)
                #expect(first.value("genai_data_through_timestamp_seconds", ["source": "cost"]) == noon.seconds)
                #expect(first.value("genai_data_through_timestamp_seconds", ["source": "usage"]) == noon.seconds)
                #expect(first.value("genai_reconciliation_difference_usd") == 0)
                rig.clock.advance(by: .hours(2))
                let second = try await rig.scrape(after: exporter)
                rig.expectTruth(second)
                expectNoFall(from: first, to: second)

                // After midnight the new day has no figures at all, and the old one not yet its last.
                rig.store.add(
                    AnthropicRig.events(60, in: Period(start: rig.clock.now, end: friday + .hours(9)), seed: 2))
                rig.clock.move(to: friday + .hours(10))
                let third = try await rig.scrape(after: exporter)
                rig.expectTruth(third)
                #expect(
                    third.value("genai_data_through_timestamp_seconds", ["source": "cost"])
                        == (friday + .hours(9)).seconds)
                expectNoFall(from: second, to: third)

                // An earlier state of the figures changes nothing.
                rig.account.conditions.current.refreshedAt = friday - .hours(20)
                let fourth = try await rig.scrape(after: exporter)
                rig.expectTruth(fourth)
                #expect(
                    fourth.value("genai_corrections_usd_total", [:]) == third.value("genai_corrections_usd_total", [:]))
            }
        }
    }

    @Test("restated days are read again until eight days after the end of their month")
    func restatements() async throws {
        try await AnthropicRig.run { rig in
            let event = UsageEvent(
                time: friday - .days(17), model: "claude-r", unitPrice: ExactDecimal(3), cost: ExactDecimal(3))
            let id = rig.store.add(event)
            func cost(_ scrape: Scrape) -> Double? { scrape.value("genai_cost_usd_total", ["model": "claude-r"]) }
            try await rig.rig.withExporter { exporter in
                #expect(cost(try await rig.scrape(after: exporter)) == 3)
                #expect(rig.store.revise(id, cost: ExactDecimal(5)))
                rig.clock.advance(by: .days(1))
                #expect(cost(try await rig.scrape(after: exporter)) == 5)

                // Seven days after the month's end.
                rig.clock.move(to: friday + .days(17))
                #expect(rig.store.revise(id, cost: ExactDecimal(9)))
                #expect(cost(try await rig.scrape(after: exporter)) == 9)

                // What the provider takes back is a correction.
                #expect(rig.store.revise(id, cost: ExactDecimal(7)))
                rig.clock.advance(by: .hours(25))
                let corrected = try await rig.scrape(after: exporter)
                #expect(cost(corrected) == 9)
                #expect(corrected.value("genai_corrections_usd_total") == 2)

                rig.clock.advance(by: .days(2))
                _ = try await rig.scrape(after: exporter)
                #expect(rig.store.revise(id, cost: ExactDecimal(20)))
                rig.clock.advance(by: .days(1))
                #expect(cost(try await rig.scrape(after: exporter)) == 9)
            }
        }
    }

    @Test("the older reports: cost by model, tokens by key and model, and no requests")
    func reports() async throws {
        try await AnthropicRig.run(endpoint: .reports) { rig in
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                #expect(
                    scrape.values("genai_cost_usd_total", by: "model", account: "claude")
                        == Dictionary(
                            uniqueKeysWithValues: rig.truth { [(labels: [$1.model], value: $1.cost)] }.map {
                                ($0[0], $1)
                            }))
                #expect(Set(scrape.values("genai_cost_usd_total", by: "key", account: "claude").keys) == [""])
                let used = rig.truth { number, event in
                    event.model.isEmpty
                        ? []
                        : rig.tokens(number, event).map {
                            (labels: [rig.key(number), event.model, $0.key], value: $0.value)
                        }
                }
                for (labels, value) in used {
                    #expect(
                        scrape.value(
                            "genai_tokens_total", ["key": labels[0], "model": labels[1], "token_type": labels[2]])
                            == value)
                }
                #expect(scrape.samples("genai_requests_total").isEmpty)
                #expect(scrape.samples("genai_key_cost_usd_total").isEmpty)
                #expect(rig.server.log.total <= 24)
                // More requests than a minute allows are spread.
                #expect(!rig.clock.slept.isEmpty)
                // The open day is not compared; the others agree with their totals.
                #expect(scrape.value("genai_reconciliation_difference_usd") == 0)
            }
        }
    }

    /// Asserts that the account's cost and tokens equal the provider's, whatever the labels.
    private func expectTotals(
        _ rig: AnthropicRig, _ scrape: Scrape, until end: Timestamp? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        func served(_ family: String) -> Double { scrape.samples(family).map(\.value).reduce(0, +) }
        // Sums of many series: only the last digits of their Doubles differ.
        let cost = rig.truth(until: end) { [(labels: [], value: $1.cost)] }[[]] ?? 0
        #expect(abs(served("genai_cost_usd_total") - cost) < 1e-9, sourceLocation: sourceLocation)
        let tokens = rig.truth(until: end) { number, event in
            rig.tokens(number, event).map { (labels: [], value: $0.value) }
        }
        #expect(served("genai_tokens_total") == tokens[[]] ?? 0, sourceLocation: sourceLocation)
        #expect(scrape.value("genai_corrections_usd_total") ?? 0 == 0, sourceLocation: sourceLocation)
    }

    @Test("nothing counts twice after a change to the newer API, which names models and searches otherwise")
    func newerGeneration() async throws {
        try await AnthropicRig.run { rig in
            rig.account.conditions.current.analyticsStatus = 404
            rig.account.conditions.current.olderModelSuffix = "-20260101"
            rig.account.conditions.current.separatesSearches = true
            try await rig.rig.withExporter { exporter in
                var last = try await rig.scrape(after: exporter)
                expectTotals(rig, last)
                #expect(rig.server.log.total <= 40)
                #expect(last.samples("genai_key_cost_usd_total").isEmpty)
                rig.account.conditions.current.analyticsStatus = nil
                for (step, hours) in [13, 8, 24, 24].enumerated() {
                    let now = rig.clock.now
                    rig.store.add(
                        AnthropicRig.events(
                            40, in: Period(start: now, end: now + .hours(hours)), seed: 10 + UInt64(step)))
                    rig.clock.advance(by: .hours(hours))
                    let before = rig.server.log.total
                    let scrape = try await rig.scrape(after: exporter)
                    #expect(rig.server.log.total - before <= 30)
                    expectTotals(rig, scrape)
                    expectNoFall(from: last, to: scrape)
                    last = scrape
                }
                #expect(!last.samples("genai_key_cost_usd_total").isEmpty)
            }
        }
    }

    @Test("without the newer API its days stay as they are, and are completed once it is back")
    func olderGeneration() async throws {
        try await AnthropicRig.run { rig in
            rig.account.conditions.current.olderModelSuffix = "-20260101"
            rig.account.conditions.current.separatesSearches = true
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                rig.expectTruth(first)
                let evening = Period(start: rig.clock.now, end: friday + .hours(9))
                rig.store.add(AnthropicRig.events(30, in: evening, seed: 21))
                rig.account.conditions.current.analyticsStatus = 403
                rig.clock.move(to: friday + .hours(13))
                let second = try await rig.scrape(after: exporter, succeeds: false)
                expectTotals(rig, second, until: evening.start)
                #expect(second.value("genai_up", ["source": "cost"]) == 0)

                // Saturday is read from the older reports, although Friday is not complete.
                rig.store.add(
                    AnthropicRig.events(20, in: Period(start: rig.clock.now, end: friday + .hours(20)), seed: 22))
                rig.clock.move(to: friday + .hours(20))
                let third = try await rig.scrape(after: exporter, succeeds: false)
                expectNoFall(from: second, to: third)
                #expect(third.samples("genai_cost_usd_total").contains { $0.labels["model"] == "claude-a-20260101" })

                rig.account.conditions.current.analyticsStatus = nil
                rig.clock.advance(by: .hours(20))
                let fourth = try await rig.scrape(after: exporter)
                expectTotals(rig, fourth)
                expectNoFall(from: third, to: fourth)
            }
        }
    }

    @Test("between midnight and the next refresh a sync sends one request for each report")
    func night() async throws {
        try await AnthropicRig.run { rig in
            func sent(_ counts: [String: Int]) -> [Int] {
                ["cost", "usage"].map { counts["/v1/organizations/analytics/\($0)"] ?? 0 }
            }
            rig.account.conditions.current.refreshedAt = friday - .minutes(30)
            try await rig.rig.withExporter { exporter in
                _ = try await rig.scrape(after: exporter)
                // Refreshed at 21:30; the first sync of the night follows at 00:02.
                rig.account.conditions.current.refreshedAt = friday + .hours(6) + .minutes(30)
                rig.clock.move(to: friday + .hours(9) + .minutes(2))
                #expect(sent(try await rig.requests(of: exporter)) == [2, 2])
                for _ in 0..<17 {
                    rig.clock.advance(by: .minutes(5))
                    #expect(sent(try await rig.requests(of: exporter)) == [1, 1])
                }
                let late = try await rig.scrape(after: exporter)
                rig.expectTruth(late)
                #expect(
                    late.value("genai_data_through_timestamp_seconds", ["source": "cost"])
                        == (friday + .hours(6) + .minutes(30)).seconds)
                // Refreshed at 01:30: the closed day is read to its end.
                rig.clock.move(to: friday + .hours(10) + .minutes(35))
                rig.account.conditions.current.refreshedAt = friday + .hours(10) + .minutes(30)
                #expect(sent(try await rig.requests(of: exporter)) == [2, 2])
                rig.clock.advance(by: .minutes(5))
                #expect(sent(try await rig.requests(of: exporter)) == [1, 1])
            }
        }
    }

    @Test("responses with repeated groups, no rows, other periods or other currencies change nothing")
    func deviations() async throws {
        try await AnthropicRig.run { rig in
            try await rig.rig.withExporter { exporter in
                let before = try await rig.scrape(after: exporter)
                let changes: [@Sendable ([JSONValue], APIRequest) -> [JSONValue]] = [
                    { rows, _ in rows + rows.prefix(1) },
                    { _, _ in [] },
                    { rows, _ in rows.map { $0.replacing("ending_at", with: .string("2026-12-30T00:00:00Z")) } },
                    { rows, _ in
                        rows.map { row in
                            guard let cost = row["cost"] else { return row }
                            return row.replacing("cost", with: cost.replacing("currency", with: "EUR"))
                        }
                    },
                ]
                for change in changes {
                    rig.account.conditions.current.change = change
                    rig.clock.advance(by: .hours(7))
                    let during = try await rig.scrape(after: exporter, succeeds: false)
                    expectNoFall(from: before, to: during)
                    #expect(during.value("genai_up", ["source": "cost"]) == 0)
                    #expect(
                        during.values("genai_cost_usd_total", by: "model", account: "claude")
                            == before.values("genai_cost_usd_total", by: "model", account: "claude"))
                }
                rig.account.conditions.current.change = nil
                let after = try await rig.scrape(after: exporter)
                rig.expectTruth(after)
                #expect(after.value("genai_corrections_usd_total") ?? 0 == 0)
            }
        }
    }
}

extension JSONValue {
    /// The same object with another value of a member.
    fileprivate func replacing(_ name: String, with value: JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.map { $0.name == name ? Member(name, value) : $0 })
    }
}
