import NIOConcurrencyHelpers
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Requests, pages, the time of refresh, names of keys, and the choice of the API's generation.
@Suite struct AnthropicReportSourceTests {
    private func source(
        _ report: AnthropicReport = .cost, _ setting: AnthropicEndpointSetting = .auto, _ api: ScriptedAnthropic
    ) -> AnthropicReportSource {
        AnthropicReportSource(report: report, setting: setting, api: api)
    }

    private let november19 = UTCDay(daysSinceEpoch: anthropicNow.day.daysSinceEpoch - 1)
    private let november20 = anthropicNow.day

    // MARK: Requests

    @Test("a request has the key in its own field, the version, the beta, and lists as repeated parameters")
    func request() async throws {
        let api = ScriptedAnthropic { call, _ in call.isKeyList ? noKeys : analyticsPage([]) }
        try await source(.cost, .auto, api).sync(StoredVisit(now: anthropicNow, days: 2))
        let calls = api.takeCalls()
        #expect(calls.map(\.path) == Array(repeating: "/v1/organizations/analytics/cost", count: 2))
        // The total first: usage in between would be taken for a remainder.
        #expect(calls.map(\.isGrouped) == [false, true])
        for call in calls {
            #expect(call.credentialField == .named("x-api-key"))
            #expect(
                call.headers == [
                    "anthropic-version": "2023-06-01", "anthropic-beta": "analytics-usage-cost-2026-08-24",
                ])
            #expect(call.values("starting_at") == ["2026-11-18T00:00:00Z"])
            #expect(call.values("ending_at").isEmpty)
            #expect(call.values("time_bucket_width") == ["1d"])
            #expect(call.values("limit") == ["1000"])
        }
        #expect(calls[1].values("group_by[]") == ["api_key_id", "model"])
    }

    @Test(
        "the older reports have no beta; cost is split by description, usage by key and model",
        arguments: [
            (AnthropicReport.cost, "/v1/organizations/cost_report", ["description"]),
            (.usage, "/v1/organizations/usage_report/messages", ["api_key_id", "model"]),
        ])
    func olderRequest(report: AnthropicReport, path: String, groups: [String]) async throws {
        let api = ScriptedAnthropic { _, _ in bucket(20, []) }
        try await source(report, .reports, api).sync(StoredVisit(now: anthropicNow, days: 30))
        let calls = api.takeCalls()
        #expect(calls.map(\.path) == [path, path])
        #expect(calls.map { $0.values("group_by[]") } == [[], groups])
        #expect(calls.allSatisfy { $0.headers == ["anthropic-version": "2023-06-01"] })
        #expect(calls.allSatisfy { $0.values("bucket_width") == ["1d"] })
        // A page has all rows of its days: few days, so that it does not become too large.
        #expect(calls.map { $0.values("limit") } == [["31"], ["7"]])
    }

    @Test("if a page of the older reports is too large, ranges are halved down to single days")
    func tooLarge() async throws {
        let limit = NIOLockedValueBox(2)
        let api = ScriptedAnthropic { call, _ in
            guard call.isGrouped else { return bucket(20, []) }
            guard Int(call.values("limit").first ?? "") ?? 0 <= limit.withLockedValue({ $0 }) else {
                throw UpstreamFailure(reason: .decode, status: 200, message: "the response is too large")
            }
            let day = try #require(Timestamp(call.values("starting_at").first ?? "")).day
            return day.month == 11
                ? bucket(day.dayOfMonth, [#"{"api_key_id":null,"model":"m","output_tokens":1}"#]) : bucket(20, [])
        }
        let visit = StoredVisit(now: anthropicNow, days: 30)
        try await source(.usage, .reports, api).sync(visit)
        let read = visit.readings.flatMap(\.slices).map(\.slice)
        #expect(read.count == 31)
        #expect(Set(read).count == 31)
        #expect(visit.values(.tokens, on: november20) == [["", "m", "output"]: 1])

        // Not even one day can be read: the sync fails after the newest one.
        limit.withLockedValue { $0 = 0 }
        _ = api.takeCalls()
        let failure = await #expect(throws: UpstreamFailure.self) {
            try await source(.usage, .reports, api).sync(StoredVisit(now: anthropicNow, days: 30))
        }
        #expect(failure?.reason == .decode)
        #expect(api.takeCalls().count <= 12)
    }

    @Test("history is read in ranges of at most 31 days, none across the first day of the analytics")
    func windows() async throws {
        let api = ScriptedAnthropic { call, _ in
            if call.isKeyList { return noKeys }
            return analyticsPage([])
        }
        let visit = StoredVisit(now: anthropicNow, days: 364)
        try await source(.usage, .auto, api).sync(visit)
        let calls = api.takeCalls().filter { !$0.isKeyList }
        #expect(visit.readings.flatMap(\.slices).count == 365)
        let boundary = AnthropicGeneration.firstAnalyticsDay
        #expect("\(boundary)" == "2026-01-01")
        for call in calls {
            let start = try #require(Timestamp(call.values("starting_at").first ?? ""))
            let end = call.values("ending_at").first.flatMap { Timestamp($0) } ?? anthropicNow
            let isNew = call.path.contains("/analytics/")
            // The older API may leave out a bucket that ends with the range, so its range has a day more.
            #expect(end - start <= .days(isNew ? 31 : 32))
            #expect(isNew == (start.day >= boundary))
            #expect(end <= anthropicNow)
        }
        #expect(calls.count == 26)
    }

    // MARK: Pages

    @Test("pages are read to the end before anything is committed")
    func pages() async throws {
        let api = ScriptedAnthropic { call, _ in
            if !call.isGrouped { return analyticsPage([costRow(20, cents: #""300""#)]) }
            switch call.values("page") {
            case []: return analyticsPage([costRow(20, model: "a", cents: #""100""#)], next: "two")
            case ["two"]: return analyticsPage([], next: "three")
            default: return analyticsPage([costRow(20, model: "b", cents: #""200""#)])
            }
        }
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost) == [["", "a"]: 1, ["", "b"]: 2])
        let paged = api.takeCalls().filter(\.isGrouped)
        #expect(paged.map { $0.values("page") } == [[], ["two"], ["three"]])
        #expect(Set(paged.map { $0.values("group_by[]") }) == [["api_key_id", "model"]])
    }

    @Test("a cursor that comes again, or is missing, is a failure and commits nothing")
    func faultyCursors() async throws {
        let pages: [@Sendable (UpstreamCall) -> String] = [
            { _ in analyticsPage([], next: "same") },
            { _ in #"{"data":[],"has_more":true,"next_page":null}"# },
            { call in analyticsPage([], next: "page\(call.values("page").first ?? "")x") },
        ]
        for page in pages {
            let api = ScriptedAnthropic { call, _ in page(call) }
            let visit = StoredVisit(now: anthropicNow)
            let failure = await #expect(throws: SourceFailure.self) { try await source(.cost, .auto, api).sync(visit) }
            #expect(failure?.reason == .decode)
            #expect(visit.readings.isEmpty)
            #expect(api.takeCalls().count <= AnthropicReader.mostPages)
        }
    }

    @Test("410 while paging starts over; on the first page it means that the endpoint is gone")
    func gone() async throws {
        let refusals = NIOLockedValueBox(2)
        let api = ScriptedAnthropic { call, _ in
            guard call.isGrouped else { return analyticsPage([]) }
            guard call.values("page") == ["two"] else {
                return analyticsPage([costRow(20, model: "a", cents: #""100""#)], next: "two")
            }
            let isRefused = refusals.withLockedValue { count in
                count -= 1
                return count >= 0
            }
            if isRefused { throw anthropicFailure(410) }
            return analyticsPage([costRow(20, model: "b", cents: #""200""#)])
        }
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost) == [["", "a"]: 1, ["", "b"]: 2])

        refusals.withLockedValue { $0 = 100 }
        let unfinished = await #expect(throws: SourceFailure.self) {
            try await source(.cost, .auto, api).sync(StoredVisit(now: anthropicNow))
        }
        #expect(unfinished?.reason == .decode)

        let closed = ScriptedAnthropic { _, _ in throw anthropicFailure(410) }
        let failure = await #expect(throws: UpstreamFailure.self) {
            try await source(.cost, .auto, closed).sync(StoredVisit(now: anthropicNow))
        }
        #expect(failure?.reason == .gone)
    }

    @Test("a refresh between the pages, or between total and parts, starts over")
    func refreshMeanwhile() async throws {
        let api = ScriptedAnthropic { call, number in
            let refreshed = number < 1 ? "2026-11-20T08:00:00Z" : "2026-11-20T12:00:00Z"
            let rows = call.isGrouped ? [costRow(20, model: "a", cents: #""100""#)] : [costRow(20, cents: #""100""#)]
            return analyticsPage(rows, refreshed: refreshed)
        }
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .auto, api).sync(visit)
        #expect(api.takeCalls().count == 4)
        #expect(visit.readings.flatMap(\.slices).map(\.readAt) == [Timestamp("2026-11-20T12:00:00Z")])
    }

    @Test("rows of an earlier refresh than the total have no remainder, which their keys would have later")
    func earlierRows() async throws {
        let api = ScriptedAnthropic { call, _ in
            let time = "2026-11-20T1\(call.isGrouped ? 0 : 4):00:00Z"
            return analyticsPage(
                [costRow(19, model: call.isGrouped ? "m" : nil, cents: call.isGrouped ? #""200""# : #""250""#)],
                refreshed: time)
        }
        let visit = StoredVisit(now: anthropicNow, days: 1)
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost) == [["", "m"]: 2])
        #expect(visit.readings.flatMap(\.slices).allSatisfy { $0.readAt == Timestamp("2026-11-20T10:00:00Z") })
    }

    @Test("a remainder whose rows are listed later stays where it was counted, also while there is no total")
    func laterRows() async throws {
        // The cents of the total (nil: of another refresh than the rows), and of the row, at each sync.
        let syncs: [(total: Int?, row: Int)] = [(250, 200), (nil, 200), (nil, 230), (250, 250), (300, 300), (280, 280)]
        let expected: [(row: String, rest: String)] = [
            ("2", "0.5"), ("2", "0.5"), ("2", "0.5"), ("2", "0.5"), ("2.5", "0.5"), ("2.5", "0.3"),
        ]
        let visit = StoredVisit(now: anthropicNow, days: 1)
        for (index, sync) in syncs.enumerated() {
            let api = ScriptedAnthropic { call, _ in
                let isEarlier = call.isGrouped && sync.total == nil
                let row =
                    call.isGrouped
                    ? costRow(19, model: "m", cents: "\"\(sync.row)\"")
                    : costRow(19, cents: "\"\(sync.total ?? 999)\"")
                return analyticsPage([row], refreshed: "2026-11-19T1\(index):\(isEarlier ? 1 : 3)0:00Z")
            }
            try await source(.cost, .auto, api).sync(visit)
            let found = visit.values(.cost, on: november19)
            #expect(found[["", "m"]] == ExactDecimal(expected[index].row), "\(index)")
            #expect(found[["", ""]] == ExactDecimal(expected[index].rest), "\(index)")
            visit.advance(by: .minutes(5))
        }
    }

    @Test("figures up to now, whose time of refresh is always another, count up to the earliest, without a remainder")
    func alwaysRefreshed() async throws {
        for pages in [1, 2] {
            let api = ScriptedAnthropic { call, number in
                let time = "2026-11-20T14:59:\(two(number + 10))Z"
                guard call.isGrouped else {
                    return analyticsPage(
                        [costRow(20, cents: #""150""#), costRow(19, cents: #""250""#)], refreshed: time)
                }
                let isLast = pages == 1 || !call.values("page").isEmpty
                let rows = [costRow(20, model: "m", cents: #""100""#), costRow(19, model: "m", cents: #""200""#)]
                return analyticsPage(
                    pages == 1 ? rows : [isLast ? rows[1] : rows[0]], refreshed: time, next: isLast ? nil : "two")
            }
            let visit = StoredVisit(now: anthropicNow, days: 1)
            try await source(.cost, .auto, api).sync(visit)
            let calls = api.takeCalls().count
            #expect(calls == AnthropicReader.attempts * (pages + 1))
            #expect(visit.values(.cost, on: november20) == [["", "m"]: 1])
            // The closed day is compared, but only if its rows are of one page.
            #expect(
                visit.values(.cost, on: november19)
                    == (pages == 1 ? [["", "m"]: 2, ["", ""]: ExactDecimal("0.5")] : [["", "m"]: 2]))
            let first = "2026-11-20T14:59:\(two(calls - pages - 1 + 10))Z"
            #expect(Set(visit.readings.flatMap(\.slices).map(\.readAt)) == [try #require(Timestamp(first))])
        }
    }

    // MARK: Refresh

    @Test("a day past the last refresh is not read, and that of the refresh counts as read until then")
    func watermark() async throws {
        let visit = StoredVisit(now: anthropicNow, days: 2)
        func sync(refreshed: String, cents: [Int]) async throws {
            let api = ScriptedAnthropic { call, _ in
                let first = Timestamp(call.values("starting_at").first ?? "")?.day.dayOfMonth ?? 0
                let rows = zip([18, 19, 20], cents).filter { $0.0 >= first }
                    .map { costRow($0, model: "m", cents: "\"\($1)\"") }
                return analyticsPage(call.isGrouped ? rows : [], refreshed: refreshed)
            }
            try await source(.cost, .auto, api).sync(visit)
        }
        try await sync(refreshed: "2026-11-19T20:00:00Z", cents: [100, 200, 700])
        #expect(visit.sum(.cost) == 3)
        let slices = visit.readings.flatMap(\.slices)
        #expect(Set(slices.map(\.readAt)) == [try #require(Timestamp("2026-11-19T20:00:00Z"))])
        #expect(!slices.contains { $0.slice.period.start.day == november20 })
        #expect(visit.dueSlices.contains { $0.slice.period.start.day == november19 })

        visit.advance(by: .hours(1))
        try await sync(refreshed: "2026-11-20T12:00:00Z", cents: [100, 300, 400])
        #expect(visit.sum(.cost) == 8)

        // The provider went back to an earlier state: its figures may be lower, and are not taken.
        visit.advance(by: .hours(1))
        try await sync(refreshed: "2026-11-20T06:00:00Z", cents: [100, 100, 50])
        #expect(visit.sum(.cost) == 8)

        // A refresh in the future proves nothing about the time from now on.
        visit.advance(by: .hours(1))
        try await sync(refreshed: "2026-11-25T00:00:00Z", cents: [100, 300, 900])
        #expect(visit.sum(.cost, on: november20) == 9)
        #expect(visit.readings.last?.slices.allSatisfy { $0.readAt == visit.now } == true)
    }

    @Test("until the next refresh only the totals are requested, and nothing is committed")
    func sameRefresh() async throws {
        let refreshed = NIOLockedValueBox("2026-11-20T12:00:00Z")
        let api = ScriptedAnthropic { call, _ in
            let first = call.values("starting_at").first ?? ""
            let rows = [20, 19].filter { first <= "2026-11-\($0)T00:00:00Z" }
                .map { costRow($0, model: call.isGrouped ? "m" : nil, cents: #""100""#) }
            return analyticsPage(rows, refreshed: refreshed.withLockedValue { $0 })
        }
        let visit = StoredVisit(now: anthropicNow, days: 1)
        try await source(.cost, .auto, api).sync(visit)
        #expect(api.takeCalls().count == 2)
        // Past midnight both days are due, and a third one has begun.
        for hours in [1, 9] {
            visit.advance(by: .hours(hours))
            try await source(.cost, .auto, api).sync(visit)
            #expect(api.takeCalls().map(\.isGrouped) == [false])
        }
        #expect(visit.readings.count == 1)
        refreshed.withLockedValue { $0 = "2026-11-20T23:30:00Z" }
        try await source(.cost, .auto, api).sync(visit)
        #expect(api.takeCalls().map(\.isGrouped) == [false, true])
        #expect(visit.sum(.cost) == 2)
    }

    @Test("a day that had usage and now has neither rows nor a total keeps its figures; null `data` fails")
    func emptied() async throws {
        let days = NIOLockedValueBox([20, 19, 18])
        let api = ScriptedAnthropic { call, _ in
            let days = days.withLockedValue { $0 }
            return analyticsPage(
                days.map { costRow($0, model: call.isGrouped ? "m" : nil, cents: #""100""#) })
        }
        let visit = StoredVisit(now: anthropicNow, days: 2)
        try await source(.cost, .auto, api).sync(visit)
        visit.advance(by: .hours(10))
        days.withLockedValue { $0 = [20, 21] }
        let partly = await #expect(throws: PartialFailure.self) { try await source(.cost, .auto, api).sync(visit) }
        #expect(partly?.reason == .decode)
        #expect(visit.sum(.cost) == 4)

        for body in [analyticsPage([]), #"{"data":null,"has_more":false}"#] {
            let empty = ScriptedAnthropic { _, _ in body }
            let failure = await #expect(throws: SourceFailure.self) {
                try await source(.cost, .auto, empty).sync(visit)
            }
            #expect(failure?.reason == .decode)
            #expect(visit.sum(.cost) == 4)
        }
        let null = ScriptedAnthropic { _, _ in #"{"data":null,"has_more":false}"# }
        await #expect(throws: SourceFailure.self) {
            try await source(.cost, .auto, null).sync(StoredVisit(now: anthropicNow))
        }
    }

    @Test("after the clock was set back, a day is read although it counts as read later")
    func clockSetBack() async throws {
        let visit = StoredVisit(now: anthropicNow + .hours(5))
        let api = ScriptedAnthropic { call, number in
            analyticsPage(call.isGrouped ? [costRow(20, model: "m", cents: "\"\(number)\"")] : [])
        }
        try await source(.cost, .auto, api).sync(visit)
        visit.advance(by: .hours(-4))
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.readings.last?.slices.first?.readAt == visit.now)
    }

    @Test("a time of refresh that is not a time is a failure: the figures could be incomplete")
    func invalidRefresh() async throws {
        let api = ScriptedAnthropic { _, _ in analyticsPage([], refreshed: "soon") }
        let visit = StoredVisit(now: anthropicNow)
        await #expect(throws: SourceFailure.self) { try await source(.cost, .auto, api).sync(visit) }
        #expect(visit.readings.isEmpty)
    }

    // MARK: Keys

    @Test("keys have their names, marked where two agree, and their ids without one; a day keeps its first names")
    func names() async throws {
        let list = NIOLockedValueBox(
            """
            {"data":[{"id":"apikey_aaa111","name":"web"},{"id":"apikey_bbb222","name":"web"},{"id":"apikey_ccc333","name":null}],
            "has_more":false}
            """)
        let rows = NIOLockedValueBox([costRow(20, key: "apikey_aaa111", model: "m", cents: #""100""#)])
        let api = ScriptedAnthropic { call, _ in
            if call.isKeyList { return list.withLockedValue { $0 } }
            return analyticsPage(call.isGrouped ? rows.withLockedValue { $0 } : [])
        }
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost) == [["web (...aaa111)", "m"]: 1])
        #expect(api.takeCalls().filter(\.isKeyList).count == 1)

        // Renamed during the day, while another key appears: the names are read again.
        list.withLockedValue {
            $0 = #"{"data":[{"id":"apikey_aaa111","name":"front"},{"id":"apikey_ccc333","name":""}],"has_more":false}"#
        }
        rows.withLockedValue { rows in
            rows.append(costRow(20, key: "apikey_ccc333", model: "m", cents: #""200""#))
            rows.append(costRow(20, key: "apikey_gone99", model: "m", cents: #""300""#))
        }
        visit.advance(by: .hours(1))
        try await source(.cost, .auto, api).sync(visit)
        #expect(
            visit.values(.cost) == [
                ["web (...aaa111)", "m"]: 1, ["apikey_ccc333", "m"]: 2, ["apikey_gone99", "m"]: 3,
            ])
        #expect(api.takeCalls().filter(\.isKeyList).count == 1)

        // Nothing new: the names are not read. On the next day the new name counts.
        visit.advance(by: .hours(1))
        try await source(.cost, .auto, api).sync(visit)
        #expect(api.takeCalls().filter(\.isKeyList).isEmpty)
        rows.withLockedValue { $0.append(costRow(21, key: "apikey_aaa111", model: "m", cents: #""500""#)) }
        visit.advance(by: .hours(24))
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost, on: november20.advanced(by: 1)) == [["front", "m"]: 5])
    }

    @Test("if the names cannot be read, the last known ones are used, else the ids")
    func unreadableNames() async throws {
        let isOpen = NIOLockedValueBox(false)
        let api = ScriptedAnthropic { call, _ in
            guard !call.isKeyList else {
                guard isOpen.withLockedValue({ $0 }) else { throw anthropicFailure(403) }
                return #"{"data":[{"id":"apikey_a","name":"web"}],"has_more":false}"#
            }
            return analyticsPage(call.isGrouped ? [costRow(20, key: "apikey_a", model: "m", cents: #""100""#)] : [])
        }
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost) == [["apikey_a", "m"]: 1])
        #expect(visit.remarks.contains { $0.contains("names of keys") })
    }

    // MARK: Generations

    /// An organization whose analytics may refuse, and whose two generations differ: the older one lists the web searches
    /// of a model without it, and calls the model `m-old`.
    private func twoGenerations(
        _ refusal: NIOLockedValueBox<Int?>, older: NIOLockedValueBox<Int?> = NIOLockedValueBox(nil),
        cents: NIOLockedValueBox<[Int: Int]>
    ) -> ScriptedAnthropic {
        ScriptedAnthropic { call, _ in
            if call.isKeyList { return #"{"data":[{"id":"apikey_a","name":"web"}],"has_more":false}"# }
            let first = Timestamp(call.values("starting_at").first ?? "")?.day.dayOfMonth ?? 0
            let days = cents.withLockedValue { $0 }.filter { $0.key >= first }.sorted { $0.key < $1.key }
            guard call.path.contains("/analytics/") else {
                if let status = older.withLockedValue({ $0 }) { throw anthropicFailure(status) }
                return reportsPage(
                    days.map { day, cents in
                        guard call.isGrouped else { return (day, [#"{"amount":"\#(cents)","currency":"USD"}"#]) }
                        return (
                            day,
                            [
                                #"{"amount":"\#(cents - 10)","currency":"USD","model":"m-old","cost_type":"tokens"}"#,
                                #"{"amount":"10","currency":"USD","model":null,"cost_type":"web_search"}"#,
                            ]
                        )
                    })
            }
            if let status = refusal.withLockedValue({ $0 }) { throw anthropicFailure(status) }
            return analyticsPage(
                days.map { day, cents in
                    costRow(
                        day, key: call.isGrouped ? "apikey_a" : nil, model: call.isGrouped ? "m" : nil,
                        cents: "\"\(cents)\"")
                })
        }
    }

    @Test(
        "without the analytics the older reports are read; the newer API is tried again once a day, for new days only",
        arguments: [400, 403, 404])
    func fallBack(status: Int) async throws {
        let refusal = NIOLockedValueBox<Int?>(status)
        let cents = NIOLockedValueBox([20: 100])
        let api = twoGenerations(refusal, cents: cents)
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost) == [["", "m-old"]: ExactDecimal("0.9"), ["", ""]: ExactDecimal("0.1")])
        #expect(api.takeCalls().count == 3)
        #expect(visit.remarks.count == 1)
        visit.advance(by: .hours(1))
        try await source(.cost, .auto, api).sync(visit)
        #expect(api.takeCalls().allSatisfy { $0.path == "/v1/organizations/cost_report" })

        // The day stays with the generation of its first reading, also while the organization has the newer one.
        refusal.withLockedValue { $0 = nil }
        cents.withLockedValue { $0 = [20: 130, 21: 40] }
        visit.advance(by: .hours(10))
        try await source(.cost, .auto, api).sync(visit)
        #expect(
            visit.values(.cost, on: november20)
                == [["", "m-old"]: ExactDecimal("1.2"), ["", ""]: ExactDecimal("0.1")])
        #expect(visit.values(.keyCost, on: november20).isEmpty)
        let next = november20.advanced(by: 1)
        #expect(visit.values(.cost, on: next) == [["web", "m"]: ExactDecimal("0.4")])
        #expect(visit.values(.keyCost, on: next) == [["web"]: ExactDecimal("0.4")])
    }

    @Test("a day of the analytics is never read from the older reports: it waits until they can be read again")
    func lostAnalytics() async throws {
        let refusal = NIOLockedValueBox<Int?>(nil)
        let cents = NIOLockedValueBox([20: 100])
        let api = twoGenerations(refusal, cents: cents)
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost) == [["web", "m"]: 1])

        refusal.withLockedValue { $0 = 403 }
        cents.withLockedValue { $0 = [20: 150] }
        visit.advance(by: .hours(1))
        _ = api.takeCalls()
        let failure = await #expect(throws: UpstreamFailure.self) { try await source(.cost, .auto, api).sync(visit) }
        #expect(failure?.status == 403)
        #expect(api.takeCalls().map(\.path) == ["/v1/organizations/analytics/cost"])

        // The next day is read from the older reports; that of the analytics is still a failure.
        let next = november20.advanced(by: 1)
        visit.advance(by: .hours(9))
        cents.withLockedValue { $0 = [20: 150, 21: 40] }
        for _ in 0..<2 {
            let partly = await #expect(throws: PartialFailure.self) { try await source(.cost, .auto, api).sync(visit) }
            #expect(partly?.reason == .auth)
            #expect(visit.values(.cost, on: november20) == [["web", "m"]: 1])
            #expect(
                visit.values(.cost, on: next)
                    == [["", "m-old"]: ExactDecimal("0.3"), ["", ""]: ExactDecimal("0.1")])
        }

        refusal.withLockedValue { $0 = nil }
        try await source(.cost, .auto, api).sync(visit)
        #expect(visit.values(.cost, on: november20) == [["web", "m"]: ExactDecimal("1.5")])
        #expect(visit.sum(.cost, on: next) == ExactDecimal("0.4"))
    }

    @Test(
        "days keep their generation when the option is changed; the older reports may be gone", arguments: [404, 410])
    func changedOption(status: Int) async throws {
        let cents = NIOLockedValueBox([20: 100])
        let older = NIOLockedValueBox<Int?>(nil)
        let api = twoGenerations(NIOLockedValueBox(nil), older: older, cents: cents)
        let visit = StoredVisit(now: anthropicNow)
        try await source(.cost, .reports, api).sync(visit)
        cents.withLockedValue { $0 = [20: 150, 21: 40] }
        visit.advance(by: .hours(10))
        let next = november20.advanced(by: 1)
        older.withLockedValue { $0 = status }
        await #expect(throws: PartialFailure.self) { try await source(.cost, .analytics, api).sync(visit) }
        #expect(visit.sum(.cost, on: november20) == 1)
        #expect(visit.values(.cost, on: next) == [["web", "m"]: ExactDecimal("0.4")])
        older.withLockedValue { $0 = nil }
        try await source(.cost, .analytics, api).sync(visit)
        #expect(visit.sum(.cost, on: november20) == ExactDecimal("1.5"))
        #expect(visit.values(.cost, on: november20).keys.allSatisfy { $0[0].isEmpty })
    }

    @Test("requests that were counted stay where a null has no count")
    func keptRequests() async throws {
        let visit = StoredVisit(now: anthropicNow)
        func sync(_ row: String) async throws {
            let api = ScriptedAnthropic { call, _ in analyticsPage(call.isGrouped ? [row] : []) }
            try await source(.usage, .analytics, api).sync(visit)
            visit.advance(by: .hours(1))
        }
        try await sync(usageRow(20, model: "m", #""output_tokens":5,"requests":3"#))
        try await sync(usageRow(20, model: "m", #""output_tokens":8,"requests":null"#))
        #expect(visit.values(.requests) == [["", "m"]: 3])
        #expect(visit.values(.tokens) == [["", "m", "output"]: 8])
        try await sync(usageRow(20, model: "m", #""output_tokens":9,"requests":4"#))
        #expect(visit.values(.requests) == [["", "m"]: 4])
    }

    @Test(
        "a pinned generation never reads the other, and a wrong key or an outage is no reason to",
        arguments: [
            (AnthropicEndpointSetting.analytics, 404), (.reports, 404), (.auto, 401), (.auto, 410), (.auto, 429),
        ])
    func pinned(setting: AnthropicEndpointSetting, status: Int) async throws {
        let api = ScriptedAnthropic { _, _ in throw anthropicFailure(status) }
        let visit = StoredVisit(now: anthropicNow)
        let failure = await #expect(throws: UpstreamFailure.self) { try await source(.cost, setting, api).sync(visit) }
        #expect(failure?.status == status)
        #expect(api.takeCalls().map(\.path.isEmpty) == [false])
        #expect(visit.memories.isEmpty)
    }

    @Test("if both are refused, nothing is remembered and the next sync tries both again")
    func bothRefused() async throws {
        let api = ScriptedAnthropic { _, _ in throw anthropicFailure(403) }
        let visit = StoredVisit(now: anthropicNow)
        for _ in 0..<2 {
            await #expect(throws: UpstreamFailure.self) { try await source(.cost, .auto, api).sync(visit) }
            #expect(
                api.takeCalls().map(\.path) == ["/v1/organizations/analytics/cost", "/v1/organizations/cost_report"])
        }
        #expect(visit.memories.isEmpty)
        // Why the newer API is not read is not in the failure, which is the older one's.
        #expect(visit.remarks.allSatisfy { $0.contains("the newer API is refused") && $0.contains("HTTP 403") })
        #expect(visit.remarks.count == 2)
    }

    @Test("a refusal of a later page or range does not change the generation")
    func laterRefusals() async throws {
        let api = ScriptedAnthropic { call, _ in
            guard call.values("page").isEmpty else { throw anthropicFailure(400) }
            return analyticsPage([], next: "two")
        }
        let failure = await #expect(throws: SourceFailure.self) {
            try await source(.cost, .auto, api).sync(StoredVisit(now: anthropicNow))
        }
        #expect(failure?.reason == .http4xx)
        let ranges = ScriptedAnthropic { call, _ in
            guard call.values("ending_at").isEmpty else { throw anthropicFailure(400) }
            return analyticsPage([])
        }
        await #expect(throws: UpstreamFailure.self) {
            try await source(.cost, .auto, ranges).sync(StoredVisit(now: anthropicNow, days: 60))
        }
        #expect(ranges.takeCalls().allSatisfy { $0.path == "/v1/organizations/analytics/cost" })
    }
}
