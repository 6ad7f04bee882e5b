import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Providers
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// One simulated OpenAI organization in its own exporter.
struct OpenAIRig {
    /// Two keys of one name, one without a name, one of a service account.
    static let keys: [OpenAIProjectKey] = {
        var keys = [
            OpenAIProjectKey(id: "key_web000001", name: "web", created: friday - .days(90)),
            OpenAIProjectKey(id: "key_twin111111", name: "twin", created: friday - .days(90)),
            OpenAIProjectKey(id: "key_twin222222", name: "twin", created: friday - .days(80)),
            OpenAIProjectKey(id: "key_nameless3", name: nil, created: friday - .days(70)),
            OpenAIProjectKey(id: "key_robot4444", name: "quote\"back\\slash", created: friday - .days(60)),
            OpenAIProjectKey(id: "key_deleted55", name: "gone", created: friday - .days(60)),
        ]
        for index in keys.indices { keys[index].projectID = "proj_\(index % 3)" }
        keys[4].ownerType = "service_account"
        keys[5].isDeleted = true
        return keys
    }()

    /// The labels of the keys.
    static let labels = [
        "key_web000001": "web", "key_twin111111": "twin (...111111)", "key_twin222222": "twin (...222222)",
        "key_nameless3": "key_nameless3", "key_robot4444": "quote\"back\\slash", "key_deleted55": "key_deleted55",
    ]

    let clock: ManualClock
    let account: OpenAIAccount
    let server: SimulatorServer
    let rig: ExporterRig

    var store: OpenAIStore { account.store }

    /// Runs a body with a simulated account `gpt` whose ledger begins 30 days ago.
    static func run(
        at now: Timestamp = friday, projects: [String] = [], forms: (inout OpenAIForms) -> Void = { _ in },
        isolation: isolated (any Actor)? = #isolation, _ body: (OpenAIRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(now)
        var account = OpenAIAccount(
            name: "gpt", token: "test-admin", store: OpenAIStore(clock: clock), keys: keys)
        account.projects = ["proj_0", "proj_1", "proj_2"]
        account.spendLimitCents = 50_050
        account.rateLimits = [("m", 500, 30_000)]
        account.forms.withLockedValue { forms(&$0) }
        try await withTemporaryFolder { folder in
            try await withSimulator([OpenAIAPI(accounts: [account])], clock: clock) { server, baseURL in
                var options = OpenAIOptions(key: .literal("test-admin"))
                options.projects = projects
                var configured = AccountConfiguration(
                    name: "gpt", provider: ConfiguredProvider(OpenAI.self, options))
                configured.baseURL = baseURL + "/openai"
                configured.history = .days(30)
                try await body(
                    OpenAIRig(
                        clock: clock, account: account, server: server,
                        rig: ExporterRig(
                            clock: clock, folder: folder, configuration: ExporterConfiguration(accounts: [configured])))
                )
            }
        }
    }

    /// Adds usage with random figures within a period.
    @discardableResult
    func use(_ count: Int, in period: Period, _ random: SeededRandom) -> [(id: OpenAIStore.UseID, use: OpenAIUse)] {
        (0..<count).map { _ in
            let use = Self.use(in: period, random)
            return (store.add(use), use)
        }
    }

    /// Random usage of any key, or of none, of models and tiers, with amounts of many decimals, and charges of no model.
    static func use(in period: Period, _ random: SeededRandom) -> OpenAIUse {
        let length = Int(period.end.milliseconds - period.start.milliseconds)
        let time = Timestamp(milliseconds: period.start.milliseconds + Int64(random.int(0...(length - 1))))
        let key = random.int(0...6) == 6 ? nil : keys[random.int(0...5)]
        let input = random.int(1...90_000)
        let cached = random.int(0...2) == 0 ? input / 3 : 0
        let price = ExactDecimal("0.\(random.int(1...9))00000000000\(random.int(1...99))") ?? .zero
        var use = OpenAIUse(
            time: time, keyID: key?.id, model: ["m-1", "m-2", "ft:m:org::é"][random.int(0...2)], input: input,
            cached: cached, written: random.int(0...3) == 0 ? input / 5 : 0, output: random.int(0...5000), price: price,
            tier: random.int(0...4) == 0 ? "priority | " : "")
        switch random.int(0...9) {
        case 0: use.lines.append(.init("web search tool calls", ExactDecimal("0.01") ?? .zero))
        case 1: use.lines.append(.init(nil, ExactDecimal("0.0000000000001") ?? .zero))
        case 2:
            use = OpenAIUse(
                time: time, keyID: key?.id, model: "img", lines: [.init("img image, output", price)])
            use.endpoint = ["images", "audio_speeches", "audio_transcriptions"][random.int(0...2)]
        default: break
        }
        use.projectID = key?.projectID ?? "proj_0"
        return use
    }

    /// The usage that the API shows now, from the ledger's start on.
    var uses: [OpenAIUse] {
        let start = friday.day.advanced(by: -30)
        return stride(from: start, through: clock.now.day, by: 1).flatMap { store.uses(on: $0) }
    }

    /// The number of requests to paths with this prefix so far.
    func requests(_ path: String) -> Int { server.log.count("/openai/v1/organization/\(path)") }

    /// Syncs, and scrapes once new series are released.
    func scrape(after exporter: Exporter, succeeds: Bool = true) async throws -> Scrape {
        #expect(try await exporter.syncOnce() == succeeds)
        _ = try exporter.scrape()
        clock.advance(by: .seconds(91))
        try await exporter.tick()
        return try exporter.scrape()
    }

    /// Asserts that every usage family of a scrape exactly equals the provider's, by every label.
    ///
    /// - Parameter extra: USD of a day's total that no row has.
    func expectTruth(
        _ scrape: Scrape, _ labels: [String: String] = labels, extra: ExactDecimal = .zero,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var cost: [[String]: ExactDecimal] = [["", ""]: extra]
        var keyCost: [[String]: ExactDecimal] = [[""]: extra]
        var items: [[String]: ExactDecimal] = [["", ""]: extra]
        var requests: [[String]: ExactDecimal] = [:]
        var tokens: [[String]: ExactDecimal] = [:]
        for use in uses {
            let key = use.keyID.map { labels[$0] ?? $0 } ?? ""
            for line in use.lines {
                let isOfModel = line.item?.contains(", ") == true
                cost[[key, isOfModel ? use.model : ""], default: .zero] += line.amount
                keyCost[[key], default: .zero] += line.amount
                items[[key, line.item ?? ""], default: .zero] += line.amount
            }
            guard let endpoint = use.endpoint else { continue }
            requests[[key, use.model], default: .zero] += ExactDecimal(use.requests)
            guard endpoint == "completions" else { continue }
            let types = [
                "input": use.input - use.cached - use.written, "cache_input": use.cached, "cache_write": use.written,
                "output": use.output,
            ]
            for (type, count) in types { tokens[[key, use.model, type], default: .zero] += ExactDecimal(count) }
        }
        let expected: [(String, [String], [[String]: ExactDecimal])] = [
            ("genai_cost_usd_total", ["key", "model"], cost), ("genai_key_cost_usd_total", ["key"], keyCost),
            ("genai_openai_line_item_cost_usd_total", ["key", "line_item"], items),
            ("genai_requests_total", ["key", "model"], requests),
            ("genai_tokens_total", ["key", "model", "token_type"], tokens),
            ("genai_reconciliation_difference_usd", [], [[]: extra]),
        ]
        for (family, names, values) in expected {
            var found: [[String]: Double] = [:]
            for sample in scrape.samples(family) where sample.value != 0 {
                found[names.map { sample.labels[$0, default: ""] }] = sample.value
            }
            let wanted = values.filter { !$0.value.isZero }.mapValues(\.doubleValue)
            #expect(found == wanted, "\(family)", sourceLocation: sourceLocation)
        }
    }
}
