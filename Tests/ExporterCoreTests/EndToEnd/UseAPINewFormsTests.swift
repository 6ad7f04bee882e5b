import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// The newer forms of useapi.net: retired bots, truncated days, the newest request of a day, error bodies.
@Suite struct UseAPINewFormsTests {
    private static let stats = "/useapi/v2/account/stats"

    private func request(
        _ time: Timestamp, bot: String = "kling", config: String = "team@example.com"
    ) -> UseAPIRequest {
        UseAPIRequest(time: time, bot: bot, config: config, endpoint: "post-videos", model: "m")
    }

    private func errors(_ exporter: Exporter) async throws -> [String: String] {
        let sources = try await exporter.overview().flatMap(\.sources)
        return Dictionary(
            sources.compactMap { source in source.status.lastError.map { (source.name, $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    @Test(
        "a retired bot keeps its history, is reported by name if it is refused, and does not affect the others",
        arguments: [
            UseAPIRequestStore.Retirement.refused(400), .refused(404), .refused(410), .emptied,
        ])
    func retiredBot(retirement: UseAPIRequestStore.Retirement) async throws {
        try await UseAPIRig.run { rig in
            let traffic = UseAPITestTraffic(random: SeededRandom(21))
            rig.requests.add(traffic.requests(300, in: Period(start: friday - .days(6), end: friday)))
            var truth = UseAPITruth()
            let history = rig.visible.filter { $0.bot == "midjourney" }
            #expect(history.contains { $0.time.day == friday.day })
            try await rig.rig.withExporter { exporter in
                let before = try await rig.sync(exporter, &truth)
                truth.expect(before)

                rig.requests.retire("midjourney", retirement)
                // Past midnight, so that the scheduled readings of earlier days are due too.
                let later = friday + .hours(10)
                rig.requests.add(traffic.requests(90, in: Period(start: friday, end: later - .minutes(20))))
                rig.clock.move(to: later)
                truth.see(history + rig.visible.filter { $0.bot != "midjourney" })
                let isRefused = retirement != .emptied
                #expect(try await exporter.syncOnce() == !isRefused)
                let after = try await rig.released(exporter)
                truth.expect(after)
                expectNoFall(from: before, to: after)
                for source in ["stats/google-flow", "stats/kling", "account"] {
                    #expect(after.value("genai_up", ["source": source]) == 1)
                }
                #expect(after.value("genai_up", ["source": "stats/midjourney"]) == (isRefused ? 0 : 1))
                let failures = try await errors(exporter)
                #expect(failures.keys.sorted() == (isRefused ? ["stats/midjourney"] : []))
                if case .refused(let status) = retirement {
                    let message = try #require(failures["stats/midjourney"])
                    #expect(message.contains("HTTP \(status): the API has no statistics of the bot midjourney"))
                    #expect(message.contains("take it out of `bots:`"))
                }
            }
            try await rig.reconfigured { $0.bots = ["google-flow", "kling"] }.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                truth.expect(scrape)
                #expect(scrape.value("genai_up", ["source": "stats/midjourney"]) == nil)
            }
        }
    }

    @Test("a day with more requests than the API lists is shown as truncated, also after a restart, until it is whole")
    func truncatedDay() async throws {
        try await UseAPIRig.run(longestList: 50_000, adjust: { $0.bots = ["kling", "midjourney"] }) { rig in
            let truncated = "genai_useapi_truncated_lists"
            let crowded = (0..<50_001).map { index in
                rig.requests.add(request(friday - .hours(30) + .milliseconds(index)))
            }
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value(truncated, ["bot": "kling"]) == 1)
                #expect(scrape.value(truncated, ["bot": "midjourney"]) == 0)
                // The summary covers the day: the requests beyond the list have no key.
                #expect(
                    scrape.values("genai_requests_total", by: "key", account: "studio")
                        == ["team@example.com": 50_000, "": 1])
            }
            for id in crowded.prefix(49_990) { #expect(rig.requests.remove(id)) }
            try await rig.rig.withExporter { exporter in
                #expect(try exporter.scrape().value(truncated, ["bot": "kling"]) == 1)
                #expect(try await exporter.syncOnce())
                #expect(try exporter.scrape().value(truncated, ["bot": "kling"]) == 1)
                // Past the next scheduled reading of that day.
                rig.clock.advance(by: .hours(10))
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value(truncated, ["bot": "kling"]) == 0)
                #expect(scrape.value("genai_requests_total", ["key": "team@example.com"]) == 50_000)
            }
        }
    }

    @Test(
        "usage is known up to the newest listed request, and at least up to 20 minutes before the sync",
        arguments: [(7, 7), (50, 20), (15 * 60, 20)])
    func dataThrough(newest: Int, expected: Int) async throws {
        try await UseAPIRig.run(adjust: { $0.bots = ["kling", "luma"] }) { rig in
            rig.requests.add(request(friday - .minutes(newest)))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                let family = "genai_data_through_timestamp_seconds"
                #expect(
                    scrape.value(family, ["source": "stats/kling"]) == (friday - .minutes(expected)).seconds)
                // No list, no summary.
                #expect(scrape.value(family, ["source": "stats/luma"]) == friday.seconds)
            }
        }
    }

    @Test("past midnight the windows of the closed day stay, and it is read by schedule only")
    func midnight() async throws {
        try await UseAPIRig.run(adjust: { $0.bots = ["kling"] }) { rig in
            let midnight = friday.day.period.end
            rig.requests.add([
                request(friday - .hours(1)), request(midnight - .minutes(40)),
                // Listed 13 minutes after the day's end.
                UseAPIRequest(
                    time: midnight - .minutes(1), bot: "kling", config: "team@example.com", endpoint: "post-videos",
                    model: "m", visibleFrom: midnight + .minutes(13)),
            ])
            try await rig.rig.withExporter { exporter in
                rig.clock.move(to: midnight - .minutes(5))
                #expect(try await exporter.syncOnce())
                // At first also the days that ended one and three days earlier.
                for (minute, requests, count) in [(5, 4, 2.0), (10, 1, 2), (15, 1, 2), (20, 2, 3), (25, 1, 3)] {
                    rig.clock.move(to: midnight + .minutes(minute))
                    let before = rig.server.log.count(Self.stats)
                    #expect(try await exporter.syncOnce())
                    #expect(rig.server.log.count(Self.stats) - before == requests, "\(minute)")
                    let scrape = try exporter.scrape()
                    for window in ["yesterday", "today"] {
                        let shown = scrape.samples("genai_window_requests").filter { $0.labels["window"] == window }
                        #expect(shown.reduce(0) { $0 + $1.value } == (window == "today" ? 0 : count), "\(minute)")
                        #expect(!shown.isEmpty, "\(minute) \(window)")
                    }
                }
            }
        }
    }

    @Test(
        "each error form of the API has its reason and its explanation",
        arguments: [
            (401, #"{"error":"Unauthorized","code":401}"#, "auth", "the API key is missing or wrong"),
            (402, #"{"error":"Payment Required","code":402}"#, "auth", "subscription has ended"),
            (412, #"{"error":"Insufficient credits"}"#, "auth", "no credits left"),
            (596, #"{"error":"Session error","code":596}"#, "auth", "session of a linked account is broken"),
            (429, #"{"error":"Too many requests","retryAfter":1800}"#, "rate_limited", "too many requests"),
        ])
    func errorForms(status: Int, body: String, reason: String, text: String) async throws {
        try await UseAPIRig.run(adjust: { $0.bots = ["kling"] }) { rig in
            rig.requests.add(request(friday - .hours(1)))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let wait = Fault.RetryAfter.seconds(1800)
                rig.server.faults.stand(
                    .status(status, retryAfter: status == 429 ? wait : nil, body: body), at: Self.stats)
                #expect(try await !exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_syncs_total", ["source": "stats/kling", "result": reason]) == 1)
                #expect(scrape.value("genai_up", ["source": "stats/kling"]) == 0)
                #expect(scrape.value("genai_up", ["source": "account"]) == 1)
                #expect(scrape.value("genai_requests_total", ["model": "m"]) == 1)
                let message = try #require(try await errors(exporter)["stats/kling"])
                #expect(message.contains("HTTP \(status)") && message.contains(text), "\(message)")
                guard status == 429 else { return }
                let next = try #require(scrape.value("genai_sync_next_timestamp_seconds", ["source": "stats/kling"]))
                #expect(next - friday.seconds >= 1800)
            }
        }
    }
}
