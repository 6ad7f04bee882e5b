import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests that each entry of the log of refused requests counts once.
@Suite struct VeniceThrottleSourceTests {
    private struct Entry: Hashable {
        var time: Timestamp
        var key: String? = "id-a"
        var model = "m"
        var limit = "RPM"

        var json: String {
            """
            {"apiKeyId":\(key.map { "\"\($0)\"" } ?? "null"),"modelId":"\(model)","rateLimitTier":"paid",
            "rateLimitType":"\(limit)","timestamp":"\(time)"}
            """
        }
    }

    private static let keys = "{\"data\":[{\"id\":\"id-a\",\"description\":\"team a\"},{\"id\":\"id-nameless\"}]}"

    private func sync(
        _ entries: [Entry], at now: Timestamp, after earlier: KeptVisit? = nil, keys: String = keys
    ) async throws -> KeptVisit {
        let body = "{\"object\":\"list\",\"data\":[\(entries.map(\.json).joined(separator: ","))]}"
        return try await sync(body: body, at: now, after: earlier, keys: keys).context
    }

    private func sync(
        body: String, at now: Timestamp, after earlier: KeptVisit? = nil, keys: String = keys
    ) async throws -> (context: KeptVisit, api: ScriptedVenice) {
        let api = ScriptedVenice(incidental: { _ in veniceAnswer(keys) }) { _, _ in veniceAnswer(body) }
        let context = KeptVisit(now: now, after: earlier)
        try await VeniceThrottleSource(api: api).sync(context)
        return (context, api)
    }

    /// Returns the stored cells of a day, by labels.
    private func cells(_ context: KeptVisit, _ day: UTCDay) async throws -> [[String]: ExactDecimal] {
        let cells = try await context.cells(of: SliceID(period: day.period))
        return Dictionary(cells.map { ($0.labels, $0.value) }, uniquingKeysWith: +)
    }

    private func total(_ context: KeptVisit, _ days: UTCDay...) async throws -> ExactDecimal {
        var sum = ExactDecimal.zero
        for day in days { sum += try await cells(context, day).values.reduce(.zero, +) }
        return sum
    }

    @Test("entries count by key, model and limit on their day")
    func labels() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let entries = [
            Entry(time: now - .minutes(1)), Entry(time: now - .minutes(2), limit: "TPM"),
            Entry(time: now - .minutes(2), key: nil, model: "endpoint:/images"),
            Entry(time: now - .minutes(3), key: "id-nameless", limit: "FAILED_REQUESTS"),
            Entry(time: now - .days(1), key: "id-of-a-deleted-key"), Entry(time: now - .minutes(4)),
        ]
        let context = try await sync(entries, at: now)
        #expect(
            try await cells(context, now.day) == [
                ["team a", "m", "rpm"]: ExactDecimal(2), ["team a", "m", "tpm"]: ExactDecimal(1),
                ["Web App", "endpoint:/images", "rpm"]: ExactDecimal(1),
                ["Key ...meless", "m", "failed_requests"]: ExactDecimal(1),
            ])
        #expect(
            try await cells(context, now.day.advanced(by: -1)) == [["Key ...ed-key", "m", "rpm"]: ExactDecimal(1)])
        #expect(context.committed.allSatisfy { $0.cells.allSatisfy { $0.family == .throttled } })
    }

    @Test("an entry counts once, also after the list lost entries or was empty, and late ones are found")
    func once() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let old = (0..<30).map { Entry(time: now - .minutes(60 - $0)) }
        var context = try await sync(old, at: now)
        #expect(try await total(context, now.day) == ExactDecimal(30))
        context = try await sync([], at: now + .minutes(1), after: context)
        context = try await sync(Array(old.prefix(7)), at: now + .minutes(2), after: context)
        context = try await sync(old, at: now + .minutes(3), after: context)
        #expect(try await total(context, now.day) == ExactDecimal(30))
        let late = Entry(time: now - .hours(2), model: "late")
        let twins = [Entry(time: now), Entry(time: now)]
        context = try await sync(twins + old + [late], at: now + .minutes(4), after: context)
        #expect(try await total(context, now.day) == ExactDecimal(33))
        let before = context.memory
        context = try await sync(twins + old + [late], at: now + .minutes(5), after: context)
        #expect(context.commits == 0)
        #expect(context.memory == before)
    }

    @Test("across midnight each day gets its own entries, and a renamed key moves none")
    func midnight() async throws {
        let now = try moment("2026-06-15T23:59:00Z")
        let first = [Entry(time: now - .seconds(5))]
        var context = try await sync(first, at: now)
        let next = [Entry(time: now + .minutes(2)), Entry(time: now + .seconds(30))] + first
        context = try await sync(
            next, at: now + .minutes(3), after: context, keys: Self.keys.replacing("team a", with: "team b"))
        #expect(
            try await cells(context, now.day) == [
                ["team a", "m", "rpm"]: ExactDecimal(1), ["team b", "m", "rpm"]: ExactDecimal(1),
            ])
        #expect(try await total(context, now.day.advanced(by: 1)) == ExactDecimal(1))
    }

    @Test(
        "a list that overflowed is a lower bound with a remark, and no entry counts twice",
        arguments: 1...6 as ClosedRange<UInt64>)
    func overflow(seed: UInt64) async throws {
        let random = SeededRandom(seed)
        let start = try moment("2026-06-15T10:00:00Z")
        var all: [Entry] = []
        var listed: Set<Int> = []
        var context: KeptVisit?
        for step in 0..<60 {
            let now = start + .minutes(step * 2)
            let count = [0, 1, 3, 20, 70][random.int(0...4)]
            for _ in 0..<count { all.append(Entry(time: now + .milliseconds(all.count), limit: "RPM")) }
            // The provider may lose some of the list for a while.
            let shown = Array(all.indices.suffix(50)).dropFirst(random.int(0...3) == 0 ? random.int(0...50) : 0)
            let lost = listed.isDisjoint(with: shown) && shown.count == 50 && step > 0
            listed.formUnion(shown)
            context = try await sync(shown.reversed().map { all[$0] }, at: now + .minutes(1), after: context)
            #expect(context?.remarks.isEmpty == !lost)
        }
        let last = try #require(context)
        #expect(try await total(last, start.day) == ExactDecimal(listed.count))
    }

    @Test("names are read only if there are new entries, and entries before the ledger's start do not count")
    func bounds() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let empty = try await sync(body: "{\"data\":[]}", at: now)
        #expect(empty.api.incidentalPaths.isEmpty)
        let ancient = Entry(time: now - .days(40)).json
        let ahead = Entry(time: now + .hours(3)).json
        let undated = "{\"apiKeyId\":\"id-a\",\"modelId\":\"m\",\"rateLimitType\":\"RPM\",\"timestamp\":\"soon\"}"
        let next = try await sync(body: "{\"data\":[\(ahead),\(undated),\(ancient)]}", at: now, after: empty.context)
        #expect(next.context.committed.isEmpty)
        #expect(next.context.remarks.count == 1)
        // Dated by a clock that is ahead of this one, it counts later.
        let later = try await sync(body: "{\"data\":[\(ahead)]}", at: now + .hours(3), after: next.context)
        #expect(try await total(later.context, now.day) == ExactDecimal(1))
        #expect(later.api.incidentalPaths == ["/api/v1/api_keys"])
    }

    @Test(arguments: ["{\"error\":\"unavailable\"}", "{}", "[]", "{\"data\":null}", "{\"data\":{\"error\":\"x\"}}"])
    func errorObjectIsAFailure(body: String) async throws {
        let context = KeptVisit(now: try moment("2026-06-15T10:00:00Z"))
        let source = VeniceThrottleSource(api: ScriptedVenice { _, _ in veniceAnswer(body) })
        let failure = await #expect(throws: SourceFailure.self) { try await source.sync(context) }
        #expect(failure?.reason == .decode)
        #expect(context.commits == 0)
    }

    @Test("an endpoint that was never available does not fail and is rarely requested", arguments: [401, 403, 404])
    func unavailable(status: Int) async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let api = ScriptedVenice { _, _ in throw refusal(status) }
        let source = VeniceThrottleSource(api: api)
        var context = KeptVisit(now: now)
        try await source.sync(context)
        for hours in [1, 5, 6, 7] {
            context = KeptVisit(now: now + .hours(hours), after: context)
            try await source.sync(context)
        }
        #expect(api.asked.count == 2)
        #expect(context.committed.isEmpty)
        // After it was available, it is.
        let available = try await sync([], at: now + .hours(20), after: context)
        await #expect(throws: UpstreamFailure.self) {
            try await source.sync(KeptVisit(now: now + .hours(21), after: available))
        }
    }

    @Test("another failure is one", arguments: [402, 429, 500])
    func failure(status: Int) async throws {
        let source = VeniceThrottleSource(api: ScriptedVenice { _, _ in throw refusal(status) })
        let context = KeptVisit(now: try moment("2026-06-15T10:00:00Z"))
        await #expect(throws: UpstreamFailure.self) { try await source.sync(context) }
    }
}
