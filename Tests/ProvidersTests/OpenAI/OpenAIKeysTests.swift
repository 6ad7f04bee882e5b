import ConfigReading
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of keys and their names, and of limits.
@Suite struct OpenAIKeysTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    private let api = ScriptedOpenAI(now: now)
    private let context = StoredVisit(now: now)

    private func directory(_ projects: [String] = []) -> OpenAIKeyDirectory {
        OpenAIKeyDirectory(api: api, projects: projects)
    }

    private func sync(_ keys: OpenAIKeyDirectory, _ visit: StoredVisit? = nil) async throws {
        try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(visit ?? context)
    }

    private func advance(by duration: Duration) {
        context.advance(by: duration)
        api.change { $0.now = $0.now + duration }
    }

    private func use(_ ids: [String?], ago: Int = 0) {
        api.change { state in
            state.costs[Self.now.day.advanced(by: -ago)] = ids.map { .init(key: $0, item: "m, input", value: "1") }
        }
    }

    /// The keys with cost now.
    private var labels: Set<String> {
        let cells = context.readings.last { !$0.slices.isEmpty }?.slices.flatMap(\.cells) ?? []
        return Set(cells.filter { $0.family == .keyCost }.map { $0.labels[0] })
    }

    private var listings: Int { api.takeRequests().count { $0.contains("api_keys") } }

    @Test("a key has its name, with the end of its id where two agree, and its id without one")
    func names() async throws {
        api.change {
            $0.keys = [
                "proj_1": [("key_aaaa1111", "twin"), ("key_single", "single"), ("key_nameless", nil)],
                "proj_2": [("key_bbbb2222", "twin"), ("key_empty", "")],
            ]
        }
        use(["key_aaaa1111", "key_bbbb2222", "key_single", "key_nameless", "key_empty", "key_deleted", nil])
        try await sync(directory())
        #expect(
            labels == [
                "twin (...aa1111)", "twin (...bb2222)", "single", "key_nameless", "key_empty", "key_deleted", "",
            ])
        let query = "?limit=100&owner_project_access=any"
        #expect(
            api.takeRequests().filter { $0.hasPrefix("projects") } == [
                "projects?limit=100", "projects/proj_1/api_keys\(query)", "projects/proj_2/api_keys\(query)",
            ])
    }

    @Test("a day keeps the names of its first reading, and a renamed key has its new name from the next day on")
    func renamed() async throws {
        api.change { $0.keys = ["proj_1": [("key_a", "old")]] }
        use(["key_a"])
        let keys = directory()
        try await sync(keys)
        api.change { $0.keys = ["proj_1": [("key_a", "new"), ("key_b", "old")]] }
        use(["key_a", "key_b"])
        advance(by: .hours(2))
        try await sync(keys)
        #expect(labels == ["old", "old (...key_b)"])
        advance(by: .hours(10))
        api.change { $0.costs[$0.now.day] = [.init(key: "key_a", item: "m, input", value: "3")] }
        try await sync(keys)
        #expect(context.sum(.keyCost) { $0 == ["new"] } == ExactDecimal(3))
        #expect(context.sum(.keyCost) { $0 == ["old"] } == ExactDecimal(1))
    }

    @Test("names are listed at the first reading of a day, and once for a key without one")
    func frequency() async throws {
        api.change { $0.keys = ["proj_1": [("key_a", "alpha")]] }
        use(["key_a"])
        // A new directory each time, as after a restart.
        try await sync(directory())
        #expect(listings == 1)
        for _ in 0..<23 {
            advance(by: .minutes(20))
            try await sync(directory())
        }
        #expect(listings == 0)
        use(["key_a", "key_deleted"])
        for _ in 0..<3 {
            advance(by: .minutes(20))
            try await sync(directory())
        }
        #expect(listings == 1)
        advance(by: .minutes(40))
        api.change { $0.costs[$0.now.day] = [.init(key: "key_a", item: "m, input", value: "1")] }
        for _ in 0..<3 {
            advance(by: .minutes(20))
            try await sync(directory())
        }
        #expect(listings == 1)
    }

    @Test("a new key has its name at its first reading, at most one listing in four minutes")
    func newKey() async throws {
        api.change { $0.keys = ["proj_1": [("key_a", "alpha")]] }
        use(["key_a"])
        let keys = directory()
        try await sync(keys)
        advance(by: .minutes(5))
        api.change { $0.keys["proj_1"]?.append(("key_b", "beta")) }
        use(["key_a", "key_b"])
        try await sync(keys)
        #expect(labels == ["alpha", "beta"])
        #expect(listings == 2)
        advance(by: .minutes(3))
        api.change { $0.keys["proj_1"]?.append(("key_c", "gamma")) }
        use(["key_a", "key_b", "key_c"])
        try await sync(keys)
        #expect(labels == ["alpha", "beta", "key_c"])
        #expect(listings == 0)
    }

    @Test("a new name takes effect at midnight in cost and in the key's gauges, whatever was listed before")
    func midnight() async throws {
        api.change { $0.keys = ["proj_1": [("key_a", "old")]] }
        use(["key_a"])
        let keys = directory()
        try await sync(keys)
        advance(by: .hours(8) + .minutes(40))
        let visit = StoredVisit(now: context.now)
        try await OpenAIKeysSource(keys: keys).sync(visit)
        api.change { $0.keys = ["proj_1": [("key_a", "new")]] }
        advance(by: .minutes(25))
        visit.advance(by: .minutes(25))
        api.change { $0.costs[$0.now.day] = [.init(key: "key_a", item: "m, input", value: "3")] }
        try await OpenAIKeysSource(keys: keys).sync(visit)
        try await sync(keys)
        #expect(context.sum(.keyCost) { $0 == ["new"] } == ExactDecimal(3))
        #expect(context.sum(.keyCost) { $0 == ["old"] } == ExactDecimal(1))
        #expect(visit.gauges[.keyInfo]?.map(\.labels[0]) == ["new"])
    }

    @Test("the sources of an account share a listing")
    func shared() async throws {
        api.change { $0.keys = ["proj_1": [("key_a", "alpha")], "proj_2": []] }
        use(["key_a"])
        let keys = directory()
        async let first: Void = sync(keys)
        async let second: Void = sync(keys, StoredVisit(now: Self.now))
        try await OpenAIKeysSource(keys: keys).sync(StoredVisit(now: Self.now))
        _ = try await (first, second)
        #expect(listings == 2)
    }

    @Test("cost has ids as keys if names cannot be read", arguments: [403, 404, 500])
    func unreadable(status: Int) async throws {
        api.change {
            $0.keys = ["proj_1": [("key_a", "alpha")]]
            $0.failures = ["projects": status]
        }
        use(["key_a"])
        let keys = directory()
        try await sync(keys)
        #expect(labels == ["key_a"])
        #expect(context.remarks.contains { $0.contains("names") })
        let visit = StoredVisit(now: Self.now)
        let source = OpenAIKeysSource(keys: keys)
        if status == 500 {
            await #expect(throws: UpstreamFailure.self) { try await source.sync(visit) }
        } else {
            try await source.sync(visit)
            #expect(visit.gauges[.keyInfo] == [])
        }
    }

    @Test("a project that is closed meanwhile does not hide the keys of the others")
    func closedProject() async throws {
        api.change {
            $0.keys = ["proj_1": [("key_a", "alpha")], "proj_2": [("key_b", "beta")]]
            $0.failures = ["projects/proj_1/api_keys": 404]
        }
        use(["key_a", "key_b"])
        try await sync(directory())
        #expect(labels == ["key_a", "beta"])
    }

    @Test("keys have their id, the kind of their owner, and times; nothing of their owner or secret")
    func gauges() async throws {
        let listed = """
            {"object":"organization.project.api_key","id":"key_a","name":"alpha","redacted_value":"sk-abc...xyz",\
            "created_at":1793577600,"last_used_at":1795180000,"owner":{"type":"service_account",\
            "service_account":{"id":"svc_1","name":"robot","email":"robot@example.com"}}}
            """
        let unused = #"{"id":"key_b","name":"beta","created_at":null,"last_used_at":null,"owner":null}"#
        api.change {
            $0.override = { path, _ in
                path == "projects/proj_1/api_keys" ? ScriptedOpenAI.list([listed, unused, listed]) : nil
            }
        }
        try await OpenAIKeysSource(keys: directory(["proj_1"])).sync(context)
        #expect(
            context.gauges[.keyInfo] == [
                GaugeSample(["alpha", "key_a", "service_account"], 1), GaugeSample(["beta", "key_b", ""], 1),
            ])
        #expect(context.gauges[.keyCreated] == [GaugeSample(["alpha"], 1_793_577_600)])
        #expect(context.gauges[.keyLastUsed] == [GaugeSample(["alpha"], 1_795_180_000)])
        let kept = context.memories.values.joined() + context.remarks.joined() + "\(context.gauges)"
        #expect(!kept.contains("example.com") && !kept.contains("sk-abc") && !kept.contains("robot"))
    }

    @Test("a list of keys that was there and is missing later fails, and its gauges stay")
    func disappeared() async throws {
        api.change { $0.keys = ["proj_1": [("key_a", "alpha")]] }
        let source = OpenAIKeysSource(keys: directory())
        try await source.sync(context)
        api.change { $0.failures = ["projects": 403] }
        advance(by: .hours(1))
        await #expect(throws: UpstreamFailure.self) { try await source.sync(context) }
        #expect(context.gauges[.keyInfo]?.count == 1)
    }

    @Test("lists of several pages are read to their end")
    func pages() async throws {
        api.change {
            $0.override = { path, query in
                guard path == "projects/proj_1/api_keys" else { return nil }
                let isFirst = !query.contains("after=key_a")
                return ScriptedOpenAI.list([#"{"id":"\#(isFirst ? "key_a" : "key_b")","name":null}"#])
                    .replacing(#""last_id":null"#, with: #""last_id":"\#(isFirst ? "key_a" : "key_b")""#)
                    .replacing("false", with: isFirst ? "true" : "false")
            }
        }
        try await OpenAIKeysSource(keys: directory(["proj_1"])).sync(context)
        #expect(context.gauges[.keyInfo]?.map { $0.labels[1] } == ["key_a", "key_b"])
    }

    /// Responses, the limit in USD, and whether requests are refused.
    private static let spendLimits: [(String, Double?, Bool)] = [
        (
            #"{"threshold_amount":123456,"currency":"USD","interval":"month","enforcement":{"status":"inactive"}}"#,
            1234.56, false
        ),
        (
            #"{"threshold_amount":"50000","currency":"usd","interval":"month","enforcement":{"status":"enforcing"}}"#,
            500, true
        ),
        (#"{"threshold_amount":null,"currency":"usd","interval":"month","enforcement":null}"#, nil, false),
        (
            #"{"threshold_amount":0,"currency":"usd","interval":"month","enforcement":{"status":"inactive"}}"#, nil,
            false
        ),
        (
            #"{"threshold_amount":0,"currency":"usd","interval":"month","enforcement":{"status":"enforcing"}}"#, 0,
            true
        ),
        (#"{"threshold_amount":-1,"currency":"usd","interval":"month"}"#, nil, false),
        (#"{"threshold_amount":100,"currency":"eur","interval":"month"}"#, nil, false),
        (#"{"threshold_amount":100,"interval":"month"}"#, nil, false),
    ]

    @Test("a spend limit is a budget in dollars without what is spent", arguments: spendLimits)
    func spendLimit(body: String, limit: Double?, isEnforcing: Bool) async throws {
        for project in [nil, "proj_1"] {
            let visit = StoredVisit(now: Self.now)
            api.change { $0.override = { path, _ in path.hasSuffix("spend_limit") ? body : nil } }
            try await OpenAISpendLimitSource(api: api, project: project).sync(visit)
            let labels = ["", project == nil ? "organization" : "project"]
            #expect(visit.gauges[.budgetLimit] == limit.map { [GaugeSample(labels, $0)] } ?? [])
            // November has 30 days.
            #expect(visit.gauges[.budgetPeriod] == limit.map { _ in [GaugeSample(labels, 30 * 86_400)] } ?? [])
            #expect(visit.gauges[.spendingAllowed] == (isEnforcing ? [GaugeSample([""], 0)] : []))
            #expect(visit.gauges[.budgetSpent] == nil)
        }
        #expect(api.takeRequests() == ["spend_limit", "projects/proj_1/spend_limit"])
    }

    @Test("a missing or forbidden spend limit fails only if it was there before", arguments: [403, 404])
    func noSpendLimit(status: Int) async throws {
        let source = OpenAISpendLimitSource(api: api, project: nil)
        api.change { $0.failures = ["spend_limit": status] }
        try await source.sync(context)
        #expect(context.gauges[.budgetLimit] == [])
        api.change {
            $0.failures = [:]
            $0.override = { _, _ in #"{"threshold_amount":100,"currency":"usd","interval":"month"}"# }
        }
        try await source.sync(context)
        api.change { $0.failures = ["spend_limit": status] }
        await #expect(throws: UpstreamFailure.self) { try await source.sync(context) }
        #expect(context.gauges[.budgetLimit]?.count == 1)
        api.change {
            $0.failures = [:]
            $0.override = { _, _ in #"{"error":{"message":"x"}}"# }
        }
        await #expect(throws: SourceFailure.self) { try await source.sync(context) }
    }

    @Test("rate limits of one project by model")
    func rateLimits() async throws {
        api.change {
            $0.override = { path, _ in
                path != "projects/proj_1/rate_limits"
                    ? nil
                    : ScriptedOpenAI.list([
                        #"{"id":"rl-1","model":"m","max_requests_per_1_minute":600,"max_tokens_per_1_minute":90000}"#,
                        #"{"model":"n","max_requests_per_1_minute":3,"max_requests_per_1_day":200,"max_tokens_per_1_minute":-1}"#,
                        #"{"max_requests_per_1_minute":3}"#,
                    ])
            }
        }
        try await OpenAIRateLimitsSource(api: api, project: "proj_1").sync(context)
        #expect(
            context.gauges[.rateLimitRequestsPerMinute] == [GaugeSample(["", "m"], 600), GaugeSample(["", "n"], 3)])
        #expect(context.gauges[.rateLimitTokensPerMinute] == [GaugeSample(["", "m"], 90_000)])
        #expect(context.gauges[.rateLimitRequestsPerDay] == [GaugeSample(["", "n"], 200)])
    }

    @Test("rate limits and a project's spend limit are read for an account of one project only")
    func sources() {
        func names(_ projects: [String]) -> [String] {
            var options = OpenAIOptions(key: .literal("k"))
            options.projects = projects
            return options.sources(for: ProviderAccount { _, _ in ScriptedOpenAI(now: Self.now) }).map(\.name)
        }
        #expect(names([]) == ["costs", "usage", "keys", "spend_limit"])
        #expect(names(["proj_1"]) == ["costs", "usage", "keys", "spend_limit", "rate_limits"])
        #expect(names(["proj_1", "proj_2"]) == ["costs", "usage", "keys"])
    }
}
