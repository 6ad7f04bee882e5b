import Foundation
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests that all sources give a key the same name, so that cost, budgets and refused requests join.
@Suite struct VeniceKeyNamesTests {
    /// Two keys with one description, one without, and one with the name of usage without a key.
    private static let list = """
        {"data":[{"id":"id-other","description":"Other"},{"id":"id-222222","description":"twin"},
        {"id":"id-111111","description":"twin"},{"id":"id-nameless"},{"id":"id-single","description":"single"}]}
        """

    private static func analytics(_ day: UTCDay, _ keys: [(id: String?, description: String)]) -> String {
        let entries = keys.map { key in
            let id = key.id.map { "\"\($0)\"" } ?? "null"
            return "{\"apiKeyId\":\(id),\"description\":\"\(key.description)\",\"totalUsd\":1,\"totalDiem\":0}"
        }
        return """
            {"byDate":[{"date":"\(day)","USD":\(keys.count)}],"byKey":[\(entries.joined(separator: ","))]}
            """
    }

    /// Reads a day of `usage-analytics`, with the response of `api_keys` for the names.
    private func read(
        _ body: String, keys: String?, at now: Timestamp, after earlier: KeptVisit? = nil
    ) async throws -> (context: KeptVisit, names: [String]) {
        let api = ScriptedVenice(incidental: { call in
            guard let keys, call.path.hasSuffix("api_keys") else { throw refusal(500) }
            return veniceAnswer(keys)
        }) { _, _ in
            veniceAnswer(body)
        }
        let context = KeptVisit(now: now, due: [SliceID(period: now.day.period)], after: earlier)
        try await VeniceAnalyticsSource(api: api).sync(context)
        #expect(api.incidentalPaths == ["/api/v1/api_keys"])
        let names = context.committed.flatMap(\.cells).filter { $0.family == .keyCost }.map { $0.labels[0] }
        return (context, names.sorted())
    }

    @Test("a key has the same name in analytics, in its budget and in the log of refused requests")
    func sameName() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let expected = ["Key ...meless", "Other (...-other)", "single", "twin (...111111)", "twin (...222222)"]
        let keys = try keyGauges(Self.list, today: now.day)[.keyInfo]?.map { $0.labels[0] }.sorted()
        #expect(keys == expected)
        let body = Self.analytics(
            now.day,
            [
                ("id-111111", "twin (...111111)"), ("id-222222", "twin (...222222)"), ("id-nameless", "Key ...meless"),
                ("id-single", "single"), ("id-other", "Other"), (nil, "Web App"),
            ])
        #expect(try await read(body, keys: Self.list, at: now).names == (expected + ["Web App"]).sorted())
        // An older form has no marks, which does not matter.
        let older = Self.analytics(now.day, [("id-111111", "twin"), ("id-222222", "twin"), ("id-nameless", "")])
        #expect(
            try await read(older, keys: Self.list, at: now).names
                == ["Key ...meless", "twin (...111111)", "twin (...222222)"])
    }

    @Test("without a list the last names stay, else those of analytics are used")
    func withoutList() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let body = Self.analytics(now.day, [("id-a", "same"), ("id-b", "same"), ("id-gone", "gone"), (nil, "Web App")])
        let alone = try await read(body, keys: nil, at: now)
        #expect(alone.names == ["Web App", "gone", "same", "same (...id-b)"])
        #expect(alone.context.remarks.contains { $0.contains("names of keys") })

        let first = try await read(
            body, keys: "{\"data\":[{\"id\":\"id-gone\",\"description\":\"renamed\"}]}", at: now)
        #expect(first.names == ["Web App", "renamed", "same", "same (...id-b)"])
        let tomorrow = now + .days(1)
        let later = Self.analytics(tomorrow.day, [("id-gone", "gone")])
        #expect(try await read(later, keys: nil, at: tomorrow, after: first.context).names == ["renamed"])
        #expect(try await read(later, keys: "{\"data\":[]}", at: tomorrow, after: first.context).names == ["renamed"])
    }

    @Test("a name that another key has now is marked for the key that lost it")
    func takenName() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        func keys(_ list: [(String, String)]) -> String {
            "{\"data\":[\(list.map { "{\"id\":\"\($0)\",\"description\":\"\($1)\"}" }.joined(separator: ","))]}"
        }
        func body(_ day: UTCDay) -> String {
            Self.analytics(day, [("id-aaaaaa", "team"), ("id-bbbbbb", "team")])
        }
        let first = try await read(body(now.day), keys: keys([("id-aaaaaa", "team"), ("id-bbbbbb", "x")]), at: now)
        #expect(first.names == ["team", "x"])
        // The first key expires, and the second one is given its name: the day keeps its names.
        let swapped = keys([("id-bbbbbb", "team")])
        let again = try await read(body(now.day), keys: swapped, at: now + .hours(1), after: first.context)
        #expect(again.names == ["team", "x"])
        let tomorrow = now + .days(1)
        let next = try await read(body(tomorrow.day), keys: swapped, at: tomorrow, after: again.context)
        #expect(next.names == ["team", "team (...aaaaaa)"])
        #expect(next.context.committed[0].cells.first { $0.labels == ["team"] } != nil)
    }

    @Test("a renamed key keeps its name in gauges until the UTC day ends, as in the cost of the day")
    func renamed() async throws {
        let names = ["Production", "Prod"]
        @Sendable func keys(_ name: String) -> String {
            "{\"data\":[{\"id\":\"id-a\",\"description\":\"\(name)\",\"consumptionLimits\":{\"usd\":5}}]}"
        }
        var context: KeptVisit?
        var found: [String?] = []
        for (hour, name) in [(10, names[0]), (12, names[1]), (23, names[1]), (24, names[1])] {
            let next = KeptVisit(now: try moment("2026-06-15") + .hours(hour), after: context)
            try await VeniceKeysSource(api: ScriptedVenice { _, _ in veniceAnswer(keys(name)) }).sync(next)
            #expect(next.gauges[.budgetLimit]?.first?.labels.first == next.gauges[.keyInfo]?.first?.labels.first)
            found.append(next.gauges[.keyInfo]?.first?.labels.first)
            context = next
        }
        #expect(found == ["Production", "Production", "Production", "Prod"])
    }
}
