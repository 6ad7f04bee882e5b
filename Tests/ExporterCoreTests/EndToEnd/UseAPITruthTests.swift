import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// /metrics equals useapi.net's list by every label, despite outages, revisions and restarts.
@Suite struct UseAPITruthTests {
    private static let lastDays = Period(start: friday - .days(6), end: friday)

    @Test(
        "the first sync equals the provider's list by every label, in every form of the response",
        arguments: [[], .numbersAsStrings, .shuffledArrays, .withoutOptionalFields] as [AnswerStyle])
    func firstSync(style: AnswerStyle) async throws {
        try await UseAPIRig.run { rig in
            rig.server.faults.stand(.style(style), at: "/useapi")
            rig.requests.add(UseAPITestTraffic(random: SeededRandom(11)).requests(1500, in: Self.lastDays))
            try await rig.rig.withExporter { exporter in
                var truth = UseAPITruth(knowsNames: !style.contains(.withoutOptionalFields))
                let scrape = try await rig.sync(exporter, &truth)
                truth.expect(scrape)
                let today = rig.visible.filter { $0.time.day == friday.day }
                let windows = scrape.samples("genai_window_requests").filter { $0.labels["window"] == "today" }
                #expect(windows.reduce(0) { $0 + $1.value } == Double(today.count))
            }
        }
    }

    @Test("new, late and revised requests are counted once, and no counter decreases")
    func revisions() async throws {
        try await UseAPIRig.run { rig in
            let traffic = UseAPITestTraffic(random: SeededRandom(12))
            rig.requests.add(traffic.requests(1000, in: Self.lastDays))
            // Of a bot that shares no series with another: bots are committed separately, so that one bot's increase
            // and another's decrease may both be seen.
            let revised = (0..<20).map { index in
                var request = traffic.request(at: friday - .minutes(60 + index))
                while request.bot != "midjourney" { request = traffic.request(at: request.time) }
                return rig.requests.add(request)
            }
            // Yesterday's requests that the statistics show half an hour from now.
            for _ in 0..<40 {
                rig.requests.add([
                    traffic.request(at: friday - .hours(18), visibleFrom: friday + .minutes(30))
                ])
            }
            try await rig.rig.withExporter { exporter in
                var truth = UseAPITruth()
                let first = try await rig.sync(exporter, &truth)
                truth.expect(first)

                rig.clock.advance(by: .minutes(20))
                rig.requests.add(traffic.requests(200, in: Period(start: friday, end: rig.clock.now)))
                for id in revised.prefix(10) { #expect(rig.requests.revise(id, code: 504)) }
                for id in revised.suffix(5) { #expect(rig.requests.remove(id)) }
                // `truth` already has yesterday's late requests, which the next scheduled reading finds.
                var second = truth
                let yesterday = (friday - .days(1)).day
                second.see(rig.visible.filter { $0.time.day != yesterday || $0.visibleFrom < friday })
                let after = try await rig.sync(exporter, &truth)
                second.expect(after)
                expectNoFall(from: first, to: after)

                // Past midnight: yesterday's scheduled reading at +24 h, and the first readings of today after its end.
                rig.clock.move(to: friday + .hours(10))
                let third = try await rig.sync(exporter, &truth)
                truth.expect(third)
                expectNoFall(from: after, to: third)
            }
        }
    }

    @Test(
        "an outage keeps old values, and then all missed requests are read",
        arguments: [(Duration.hours(5), 10), (.days(3), 12)])
    func outage(length: Duration, steps: Int) async throws {
        try await UseAPIRig.run { rig in
            let traffic = UseAPITestTraffic(random: SeededRandom(13))
            rig.requests.add(traffic.requests(500, in: Self.lastDays))
            try await rig.rig.withExporter { exporter in
                var truth = UseAPITruth()
                let before = try await rig.sync(exporter, &truth)
                rig.server.faults.stand(.status(503), at: "/useapi")
                for _ in 0..<steps {
                    rig.clock.advance(by: length / steps)
                    rig.requests.add(
                        traffic.requests(40, in: Period(start: rig.clock.now - length / steps, end: rig.clock.now)))
                    #expect(try await !exporter.syncOnce())
                }
                let during = try exporter.scrape()
                truth.expect(during)
                #expect(during.value("genai_up", ["source": "stats/kling"]) == 0)
                #expect(
                    during.value("genai_syncs_total", ["source": "stats/kling", "result": "http_5xx"])
                        == Double(steps))
                rig.server.faults.clear()
                rig.clock.advance(by: .minutes(20))
                let after = try await rig.sync(exporter, &truth)
                truth.expect(after)
                expectNoFall(from: before, to: after)
                #expect(after.value("genai_up", ["source": "stats/kling"]) == 1)
            }
        }
    }

    @Test("a restart serves the same values immediately and continues")
    func restart() async throws {
        try await UseAPIRig.run { rig in
            let traffic = UseAPITestTraffic(random: SeededRandom(14))
            rig.requests.add(traffic.requests(600, in: Self.lastDays))
            var truth = UseAPITruth()
            let before = try await rig.rig.withExporter { try await rig.sync($0, &truth) }
            rig.requests.add(traffic.requests(100, in: Period(start: friday, end: rig.clock.now)))
            rig.clock.advance(by: .minutes(20))
            try await rig.rig.withExporter { exporter in
                let restored = try exporter.scrape()
                truth.expect(restored)
                #expect(restored.counters == before.counters)
                #expect(restored.samples("genai_plan_info").count == 1)
                let after = try await rig.sync(exporter, &truth)
                truth.expect(after)
                expectNoFall(from: restored, to: after)
            }
        }
    }

    @Test("a changed price applies from the next day")
    func changedPrice() async throws {
        try await UseAPIRig.run { rig in
            let request = UseAPIRequest(
                time: friday - .hours(1), bot: "midjourney", config: "c", endpoint: "post-imagine")
            rig.requests.add([request, request])
            func estimate(_ exporter: Exporter) throws -> Double? {
                try exporter.scrape().value("genai_estimated_cost_usd_total", ["key": "c", "model": "midjourney"])
            }
            try await rig.rig.withExporter { exporter in
                let succeeded = try await exporter.syncOnce()
                #expect(succeeded)
                #expect(try estimate(exporter) == 0.06)
            }
            let dearer = rig.reconfigured { $0.prices = ["midjourney": ExactDecimal(1)] }
            try await dearer.withExporter { exporter in
                var later = request
                later.time = friday
                rig.requests.add(later)
                let succeeded = try await exporter.syncOnce()
                #expect(succeeded)
                #expect(try estimate(exporter) == 0.09)
                rig.clock.advance(by: .hours(10))
                later.time = rig.clock.now
                rig.requests.add(later)
                #expect(try await exporter.syncOnce())
                #expect(try estimate(exporter) == 1.09)
                // Past Friday's last scheduled reading: it is settled with the prices of its readings.
                rig.clock.advance(by: .days(4))
                #expect(try await exporter.syncOnce())
                #expect(try estimate(exporter) == 1.09)
            }
        }
    }

    @Test("bots that retire and return, refused requests and idle days leave every counter right", arguments: 1...4)
    func newForms(seed: Int) async throws {
        try await UseAPIRig.run { rig in
            let random = SeededRandom(UInt64(seed))
            let traffic = UseAPITestTraffic(random: random)
            rig.requests.add(traffic.requests(200, in: Self.lastDays))
            // The requests of retired bots, as they were last read.
            var frozen: [String: [UseAPIRequest]] = [:]
            var refused: Set<String> = []
            var synced = rig.clock.now
            try await rig.rig.withExporter { exporter in
                var truth = UseAPITruth()
                var last = try await rig.sync(exporter, &truth)
                truth.expect(last)
                for _ in 0..<8 {
                    let visible = Dictionary(grouping: rig.visible, by: \.bot)
                    // The statuses of retired bots, and an empty response; a refused bot may return.
                    for bot in UseAPIRig.bots where random.int(0...5) == 0 {
                        if refused.remove(bot) != nil {
                            rig.requests.retire(bot, nil)
                            frozen[bot] = nil
                        } else if frozen[bot] == nil {
                            let statuses = [400, 404, 410]
                            let status = random.int(0...3)
                            rig.requests.retire(
                                bot, statuses.indices.contains(status) ? .refused(statuses[status]) : .emptied)
                            if statuses.indices.contains(status) { refused.insert(bot) }
                            frozen[bot] = visible[bot, default: []].filter { $0.visibleFrom <= synced }
                        }
                    }
                    // Short steps within a day, and long ones over several.
                    let step = Duration.minutes(random.int(0...2) == 0 ? random.int(600...2400) : random.int(20...300))
                    let start = rig.clock.now
                    rig.clock.advance(by: step)
                    if random.int(0...2) > 0 {
                        rig.requests.add(
                            traffic.requests(random.int(1...60), in: Period(start: start, end: rig.clock.now)))
                    }
                    if random.int(0...2) == 0 {
                        let body = #"{"error":"Too many requests","retryAfter":1}"#
                        rig.server.faults.queue(
                            .status(429, retryAfter: .seconds(1), body: body), at: "/useapi/v2/account/stats")
                    }
                    synced = rig.clock.now
                    truth.see(frozen.values.joined() + rig.visible.filter { frozen[$0.bot] == nil })
                    #expect(try await exporter.syncOnce() == refused.isEmpty)
                    let scrape = try await rig.released(exporter)
                    truth.expect(scrape)
                    expectNoFall(from: last, to: scrape)
                    for bot in UseAPIRig.bots {
                        #expect(
                            scrape.value("genai_up", ["source": "stats/\(bot)"]) == (refused.contains(bot) ? 0 : 1))
                        #expect(scrape.value("genai_useapi_truncated_lists", ["bot": bot]) == 0)
                    }
                    last = scrape
                }
            }
        }
    }
}
