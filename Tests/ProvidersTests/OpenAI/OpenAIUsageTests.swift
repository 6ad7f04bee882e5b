import NIOConcurrencyHelpers
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the endpoints of `usage`.
@Suite struct OpenAIUsageTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z
    private static let paths = [
        "completions", "embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions",
    ]

    private let api = ScriptedOpenAI(now: now)
    private let context = StoredVisit(now: now, days: 30)
    private let keys: OpenAIKeyDirectory

    init() {
        keys = OpenAIKeyDirectory(api: api, projects: [])
        api.change { $0.keys = ["proj_1": [("key_a", "alpha")]] }
    }

    private func sync() async throws {
        try await OpenAIUsageSource(api: api, projects: [], keys: keys).sync(context)
    }

    private func advance(by duration: Duration) {
        context.advance(by: duration)
        api.change { $0.now = $0.now + duration }
    }

    private func day(_ ago: Int) -> UTCDay { Self.now.day.advanced(by: -ago) }

    private func set(_ rows: [String], of endpoint: String = "completions", ago: Int = 0) {
        api.change { $0.usage[endpoint, default: [:]][day(ago)] = rows }
    }

    private func tokens(_ type: String) -> ExactDecimal? {
        let cells = context.readings.last?.slices.flatMap(\.cells) ?? []
        let found = cells.filter { $0.family == .tokens && $0.labels == ["alpha", "m", type] }
        return found.isEmpty ? nil : found.map(\.value).reduce(.zero, +)
    }

    @Test("each endpoint's requests count, and tokens of those that have them")
    func endpoints() async throws {
        set([ScriptedOpenAI.usage("key_a", "m", 7, #""input_tokens":100,"output_tokens":9"#)])
        set([ScriptedOpenAI.usage("key_a", "e", 5, #""input_tokens":50"#)], of: "embeddings")
        set([ScriptedOpenAI.usage("key_a", "mod", 4, #""input_tokens":40"#)], of: "moderations")
        set([ScriptedOpenAI.usage("key_a", "img", 3, #""images":6,"size":null"#)], of: "images")
        set([ScriptedOpenAI.usage("key_a", "tts", 2, #""characters":1000"#)], of: "audio_speeches")
        set([ScriptedOpenAI.usage(nil, "asr", 1, #""seconds":60"#)], of: "audio_transcriptions")
        set([ScriptedOpenAI.usage("key_a", "m", 99)], of: "web_search_calls")
        try await sync()
        for (key, model, count) in [
            ("alpha", "m", 7), ("alpha", "e", 5), ("alpha", "mod", 4), ("alpha", "img", 3), ("alpha", "tts", 2),
            ("", "asr", 1),
        ] {
            #expect(context.sum(.requests) { $0 == [key, model] } == ExactDecimal(count))
        }
        #expect(context.sum(.requests) == ExactDecimal(22))
        #expect(context.sum(.tokens) == ExactDecimal(100 + 9 + 50 + 40))
        #expect(context.sum(.tokens) { $0 == ["alpha", "e", "input"] } == ExactDecimal(50))
        let start = day(30).start.milliseconds / 1000
        let expected = Self.paths.map {
            "usage/\($0)?start_time=\(start)&bucket_width=1d&limit=31&group_by[]=model&group_by[]=api_key_id"
        }
        #expect(api.takeRequests().filter { $0.hasPrefix("usage") } == expected)
    }

    /// Fields, and the tokens of the types input, output, cache_input and cache_write.
    private static let tokenFields: [(String, [Int?])] = [
        (
            #""input_tokens":1000,"output_tokens":50,"input_cached_tokens":300,"input_cache_write_tokens":100"#,
            [600, 50, 300, 100]
        ),
        (#""input_tokens":1000,"output_tokens":50,"input_cached_tokens":300"#, [700, 50, 300, nil]),
        (#""input_tokens":1000,"output_tokens":50,"input_cache_write_tokens":100"#, [900, 50, nil, 100]),
        (
            #""input_tokens":1000,"output_tokens":50,"input_cached_tokens":null,"input_cache_write_tokens":0"#,
            [1000, 50, nil, nil]
        ),
        (
            #""input_tokens":400,"output_tokens":0,"input_cached_tokens":400,"input_uncached_tokens":0"#,
            [0, 0, 400, nil]
        ),
    ]

    @Test("types of tokens are disjoint", arguments: tokenFields)
    func tokenTypes(fields: String, expected: [Int?]) async throws {
        set([ScriptedOpenAI.usage("key_a", "m", 1, fields)])
        try await sync()
        let found = ["input", "output", "cache_input", "cache_write"].map { tokens($0)?.wholeNumber }
        #expect(found == expected)
    }

    private static let invalidRows: [String] = [
        #"{"num_model_requests":1,"model":"m","input_tokens":10,"output_tokens":1,"input_cached_tokens":11}"#,
        #"{"num_model_requests":1,"input_tokens":9,"output_tokens":1,"input_cached_tokens":6,"#
            + #""input_cache_write_tokens":5}"#,
        #"{"model":"m","input_tokens":10,"output_tokens":1}"#,
        #"{"num_model_requests":null,"input_tokens":1,"output_tokens":1}"#,
        #"{"num_model_requests":1,"model":"m","output_tokens":1}"#,
        #"{"num_model_requests":1,"model":"m","input_tokens":1}"#,
        #"{"num_model_requests":1.5,"model":"m","input_tokens":1,"output_tokens":1}"#,
        #"{"num_model_requests":1,"model":{},"input_tokens":1,"output_tokens":1}"#,
    ]

    @Test("counts that are missing or contradict each other fail their day only", arguments: invalidRows)
    func invalid(row: String) async throws {
        let valid = ScriptedOpenAI.usage("key_a", "m", 1, #""input_tokens":1,"output_tokens":1"#)
        for ago in 0...2 { set([ago == 1 ? row : valid], ago: ago) }
        let failure = await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(failure?.reason == .decode)
        #expect(context.sum(.requests) == ExactDecimal(2))
        #expect(context.sum(.requests, on: day(1)) == .zero)
    }

    @Test("negative counts yield no figure")
    func negative() async throws {
        set([
            ScriptedOpenAI.usage("key_a", "m", -1, #""input_tokens":5,"output_tokens":1"#),
            ScriptedOpenAI.usage("key_a", "n", 2, #""input_tokens":5,"output_tokens":-1"#),
        ])
        try await sync()
        #expect(context.sum(.requests) == ExactDecimal(2))
        #expect(context.sum(.tokens) == ExactDecimal(6))
        #expect(context.remarks.contains { $0.contains("negative counts") })
    }

    @Test("a key and model that is listed twice fails its day: a page may have been repeated")
    func repeated() async throws {
        let row = ScriptedOpenAI.usage("key_a", "m", 1, #""input_tokens":1,"output_tokens":1"#)
        set([row, row], ago: 1)
        set([row])
        await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(context.sum(.requests) == ExactDecimal(1))
    }

    @Test("an endpoint that is missing or forbidden is left out", arguments: [404, 403], paths)
    func missing(status: Int, endpoint: String) async throws {
        for name in Self.paths {
            set([ScriptedOpenAI.usage("key_a", name, 1, #""input_tokens":1,"output_tokens":1"#)], of: name)
        }
        api.change { $0.failures = ["usage/\(endpoint)": status] }
        try await sync()
        #expect(context.sum(.requests) == ExactDecimal(5))
        #expect(context.sum(.requests) { $0[1] == endpoint } == .zero)
        // It counts from the first sync that finds it.
        api.change { $0.failures = [:] }
        advance(by: .minutes(5))
        try await sync()
        #expect(context.sum(.requests) == ExactDecimal(6))
        // From then on it must not disappear, or its requests would.
        api.change { $0.failures = ["usage/\(endpoint)": status] }
        advance(by: .minutes(5))
        let failure = await #expect(throws: UpstreamFailure.self) { try await sync() }
        #expect(failure?.status == status)
        #expect(context.sum(.requests) == ExactDecimal(6))
    }

    @Test("without any endpoint, or with a project's key, the sync fails", arguments: [401, 403, 404, 500])
    func noEndpoint(status: Int) async throws {
        api.change { state in
            for name in Self.paths { state.failures["usage/\(name)"] = status }
        }
        let failure = await #expect(throws: (any Error).self) { try await sync() } as? any ReasonedFailure
        #expect(failure?.reason == (status == 500 ? .http5xx : status == 404 ? .http4xx : .auth))
        #expect(context.readings.isEmpty)
        // The failure says it, and no remark repeats it.
        #expect(context.remarks.isEmpty)
    }

    @Test("an endpoint that does not list a day had no requests on it, whatever lists idle days")
    func idleDays() async throws {
        let row = ScriptedOpenAI.usage("key_a", "m", 1, #""input_tokens":1,"output_tokens":1"#)
        for ago in 0...2 { set([row], ago: ago) }
        // One endpoint does not list two past days, another one no day.
        let text = ScriptedOpenAI.page([])
        api.change {
            $0.hidden = [day(4): "usage/completions", day(5): "usage/completions"]
            $0.override = { path, _ in path == "usage/audio_speeches" ? text : nil }
        }
        try await sync()
        #expect(context.sum(.requests) == ExactDecimal(3))
        #expect(context.dueSlices.map(\.day) == [day(0)])
        #expect(context.dueSlices.first?.lastRead == Self.now)
        // It is used later on the day.
        set([ScriptedOpenAI.usage("key_a", "tts", 2)], of: "audio_speeches")
        api.change { $0.override = nil }
        advance(by: .minutes(5))
        try await sync()
        #expect(context.sum(.requests) == ExactDecimal(5))
    }

    @Test("a day that no endpoint lists is not read yet if it is not over")
    func unlistedToday() async throws {
        let text = ScriptedOpenAI.page([])
        api.change { $0.override = { path, _ in path.hasPrefix("usage") ? text : nil } }
        try await sync()
        #expect(context.dueSlices.map(\.day) == [day(0)])
        #expect(context.dueSlices.first?.lastRead == nil)
    }

    @Test("a current day that had figures and is no longer listed is a failure, and its figures stay")
    func unlistedAgain() async throws {
        set([ScriptedOpenAI.usage("key_a", "m", 3, #""input_tokens":1,"output_tokens":1"#)])
        try await sync()
        let text = ScriptedOpenAI.page([])
        api.change { $0.override = { path, _ in path.hasPrefix("usage") ? text : nil } }
        advance(by: .minutes(5))
        let failure = await #expect(throws: (any Error).self) { try await sync() } as? any ReasonedFailure
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("no longer lists \(day(0))") == true)
        #expect(context.sum(.requests) == ExactDecimal(3))
    }

    @Test("endpoints that are left out are one remark for each reason")
    func leftOut() async throws {
        api.change { $0.failures = ["usage/images": 403, "usage/embeddings": 404, "usage/audio_speeches": 403] }
        try await sync()
        #expect(
            Set(context.remarks) == [
                "the usage of images, audio_speeches is not read: HTTP 403",
                "the usage of embeddings is not read: HTTP 404",
            ])
    }

    @Test(
        "an endpoint without rows on a day with requests fails the day, and its figures stay", arguments: [false, true])
    func emptied(isListed: Bool) async throws {
        for ago in 0...1 {
            set([ScriptedOpenAI.usage("key_a", "m", 3, #""input_tokens":1,"output_tokens":1"#)], ago: ago)
            set([ScriptedOpenAI.usage("key_a", "m", 4)], of: "images", ago: ago)
        }
        try await sync()
        // Yesterday's day is read again 24 hours after its end.
        advance(by: .hours(10))
        set([], of: "images", ago: 1)
        set([ScriptedOpenAI.usage("key_a", "m", 1)], of: "images", ago: -1)
        if !isListed { api.change { $0.hidden = [day(1): "usage/images"] } }
        let failure = await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("usage/images has no rows") == true)
        #expect(context.sum(.requests, on: day(1)) == ExactDecimal(7))
        #expect(context.sum(.requests) == ExactDecimal(7 + 7 + 1))
        // Rows that are listed again replace them.
        set([ScriptedOpenAI.usage("key_a", "m", 5)], of: "images", ago: 1)
        api.change { $0.hidden = [:] }
        advance(by: .minutes(5))
        try await sync()
        #expect(context.sum(.requests, on: day(1)) == ExactDecimal(8))
    }

    @Test("40 days are two ranges of at most 31")
    func ranges() async throws {
        let long = StoredVisit(now: Self.now, days: 39)
        try await OpenAIUsageSource(api: api, projects: [], keys: keys).sync(long)
        let limits = api.takeRequests().filter { $0.hasPrefix("usage/images") }
            .compactMap { $0.firstMatch(of: /limit=(\d+)/)?.output.1 }
        #expect(limits == ["31", "9"])
    }
}

/// Tests of the pages of OpenAI's lists.
@Suite struct OpenAIPagesTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    private let context = StoredVisit(now: now, days: 2)

    private func day(_ ago: Int) -> UTCDay { Self.now.day.advanced(by: -ago) }

    private func row(_ key: String, _ value: String) -> String {
        #"{"amount":{"value":\#(value),"currency":"usd"},"line_item":"m, input","api_key_id":"\#(key)"}"#
    }

    /// Reads `costs` from pages by cursor; the first has none.
    private func sync(_ pages: @escaping @Sendable (_ cursor: String?) -> String) async throws {
        let api = ScriptedOpenAI(now: Self.now)
        api.change {
            $0.override = { path, query in
                guard path == "costs" else { return nil }
                return pages(query.firstMatch(of: /&page=([^&]+)/).map { String($0.output.1) })
            }
        }
        let keys = OpenAIKeyDirectory(api: api, projects: ["proj_1"])
        try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(context)
    }

    @Test("days and the rows of a day may be on several pages, and the last page has no cursor")
    func pages() async throws {
        let (first, second, third) = (day(2), day(1), day(0))
        let (a, b) = (row("key_a", "1"), row("key_b", "2"))
        try await sync { cursor in
            switch cursor {
            case nil: ScriptedOpenAI.page([ScriptedOpenAI.bucket(first, [a])], next: "one")
            case "one": ScriptedOpenAI.page([ScriptedOpenAI.bucket(second, [a])], next: "two")
            default: ScriptedOpenAI.page([ScriptedOpenAI.bucket(second, [b]), ScriptedOpenAI.bucket(third, [])])
            }
        }
        #expect(context.sum(.cost, on: first) == ExactDecimal(1))
        #expect(context.sum(.cost, on: second) == ExactDecimal(3))
        #expect(context.sum(.cost, on: third) == .zero)
        #expect(context.dueSlices.map(\.slice.period.start.day) == [third])
    }

    @Test("a day that a second page repeats is not counted twice, even if the total repeats it too")
    func repeatedDay() async throws {
        let (older, today) = (day(1), day(0))
        let rows = [row("key_a", "1")]
        let failure = await #expect(throws: PartialFailure.self) {
            try await sync { cursor in
                cursor == nil
                    ? ScriptedOpenAI.page((0...2).map { ScriptedOpenAI.bucket(day($0), rows) }, next: "more")
                    : ScriptedOpenAI.page([ScriptedOpenAI.bucket(older, rows)])
            }
        }
        #expect(failure?.message.contains("\(older)") == true)
        #expect(context.sum(.cost) == ExactDecimal(2))
        #expect(context.sum(.cost, on: today) == ExactDecimal(1))
    }

    @Test("rows that are listed twice in both queries are not counted twice")
    func repeatedTotal() async throws {
        let total = #"{"amount":{"value":1,"currency":"usd"},"line_item":null,"api_key_id":null}"#
        let doubled = Array(repeating: total, count: 2)
        let api = ScriptedOpenAI(now: Self.now)
        let (key, today) = (row("key_a", "1"), day(0))
        api.change {
            $0.override = { path, query in
                guard path == "costs" else { return nil }
                let rows = query.contains("group_by") ? [key, key] : doubled
                return ScriptedOpenAI.page([ScriptedOpenAI.bucket(today, rows)])
            }
        }
        let visit = StoredVisit(now: Self.now)
        let keys = OpenAIKeyDirectory(api: api, projects: ["proj_1"])
        await #expect(throws: SourceFailure.self) {
            try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(visit)
        }
        #expect(visit.readings.flatMap(\.slices).isEmpty)
    }

    @Test("a list without an end is a failure without a commit", arguments: ["null", "repeated", "endless", "empty"])
    func noEnd(form: String) async throws {
        let days = (0...2).map { ScriptedOpenAI.bucket(day($0), [row("key_a", "1")]) }
        let failure = await #expect(throws: SourceFailure.self) {
            try await sync { cursor in
                switch form {
                case "null": ScriptedOpenAI.page(days).replacing("false", with: "true")
                case "empty": ScriptedOpenAI.page(days, next: "")
                case "repeated": ScriptedOpenAI.page(cursor == nil ? days : [], next: "again")
                default: ScriptedOpenAI.page(cursor == nil ? days : [], next: String((Int(cursor ?? "") ?? 0) + 1))
                }
            }
        }
        #expect(failure?.reason == .decode)
        #expect(context.readings.isEmpty)
    }

    @Test("pages that are too large together are a failure after a limited number of requests")
    func size() async throws {
        let padding = String(repeating: " ", count: 8 << 20)
        let count = NIOLockedValueBox(0)
        let failure = await #expect(throws: UpstreamFailure.self) {
            try await sync { _ in
                let number = count.withLockedValue { count in
                    count += 1
                    return count
                }
                return ScriptedOpenAI.page([], next: "\(number)") + padding
            }
        }
        #expect(failure?.reason == .decode)
        // Four pages of three days, of the newer two, and of the newest.
        #expect(count.withLockedValue { $0 } <= 12)
        #expect(context.readings.isEmpty)
    }

    @Test(
        "a response in another form is a failure",
        arguments: [
            "{}", "[]", "null", #"{"data":null}"#, #"{"error":{"message":"x","type":"y","param":null,"code":null}}"#,
            #"{"data":[{"results":[]}]}"#, #"{"data":{}}"#, #"{"data":[{"start_time":"soon","results":[]}]}"#,
        ])
    func otherForms(text: String) async throws {
        let failure = await #expect(throws: SourceFailure.self) { try await sync { _ in text } }
        #expect(failure?.reason == .decode)
        #expect(context.readings.isEmpty)
    }
}
