import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Config reload of a running exporter.
@Suite struct ReloadTests {
    /// Runs a body with a running exporter and the accounts `kept` and `changed`. Every scrape meanwhile must show the
    /// series of `kept`, and no counter may decrease.
    private func run(_ body: @Sendable @escaping (WaveSpeedRig, Exporter, ExporterConfiguration) async throws -> Void)
        async throws
    {
        let adjust: (inout ExporterConfiguration) -> Void = { configuration in
            var other = configuration.accounts[0]
            configuration.accounts[0].name = "kept"
            other.name = "changed"
            configuration.accounts.append(other)
        }
        try await WaveSpeedRig.run(sleeping: .waits, adjust: adjust) { rig in
            rig.events.add(
                TestTraffic(random: SeededRandom(5)).events(300, in: Period(start: friday - .days(3), end: friday)))
            try await rig.rig.withExporter { exporter in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await exporter.run() }
                    while !exporter.isReady { await Task.yield() }
                    try await withThrowingTaskGroup(of: Void.self) { watch in
                        watch.addTask {
                            var before = try exporter.scrape()
                            while !Task.isCancelled {
                                let now = try exporter.scrape()
                                let shown = now.values("genai_cost_usd_total", by: "model", account: "kept")
                                #expect(shown == before.values("genai_cost_usd_total", by: "model", account: "kept"))
                                for (series, value) in before.counters {
                                    if let newer = now.counters[series] { #expect(newer >= value, "\(series)") }
                                }
                                before = now
                                // Without the pause the watcher would starve the exporter on a machine with two cores.
                                try? await Task.sleep(for: .milliseconds(2))
                            }
                        }
                        try await body(rig, exporter, rig.rig.configuration)
                        watch.cancelAll()
                        try await watch.waitForAll()
                    }
                    group.cancelAll()
                }
            }
        }
    }

    private func cost(_ exporter: Exporter, _ account: String) throws -> [String: Double] {
        try exporter.scrape().values("genai_cost_usd_total", by: "model", account: account)
    }

    @Test("a changed account restarts without disturbing the others")
    func changedAccount() async throws {
        try await run { rig, exporter, configuration in
            let before = try exporter.scrape()
            let requestsBefore = rig.server.log.requests.count
            var newest = configuration
            newest.accounts[1].labels.rename = ["model": ["bytedance/seedance-v1-pro-t2v-720p": "seedance"]]
            newest.accounts[1].syncInterval = .minutes(7)
            try await exporter.reload(newest)
            let after = try exporter.scrape()
            let costs = before.values("genai_cost_usd_total", by: "model", account: "changed")
            let renamed = after.values("genai_cost_usd_total", by: "model", account: "changed")
            #expect(renamed["seedance"] == costs["bytedance/seedance-v1-pro-t2v-720p"])
            #expect(renamed["bytedance/seedance-v1-pro-t2v-720p"] == nil)
            #expect(renamed.count == costs.count)
            #expect(after.value("genai_exporter_config_last_reload_successful") == 1)
            let kept = ["account": "kept", "source": "usage_stats", "result": "success"]
            #expect(after.value("genai_syncs_total", kept) == before.value("genai_syncs_total", kept))
            // The restarted account syncs immediately; its balance and its open day are two requests.
            while rig.server.log.requests.count < requestsBefore + 2 { await Task.yield() }
        }
    }

    @Test("accounts are removed and added again with their history")
    func removedAccount() async throws {
        try await run { _, exporter, configuration in
            let before = try cost(exporter, "changed")
            #expect(!before.isEmpty)
            var newest = configuration
            newest.accounts.removeLast()
            try await exporter.reload(newest)
            #expect(try cost(exporter, "changed").isEmpty)
            #expect(try exporter.scrape().value("genai_exporter_accounts") == 1)
            #expect(await exporter.accountPlaces.map(\.name) == ["kept"])
            #expect(exporter.isReady)

            newest.accounts.append(configuration.accounts[1])
            newest.accounts[1].name = "third"
            newest.accounts.append(configuration.accounts[1])
            try await exporter.reload(newest)
            // The storage has the history: it is served before any request to the provider.
            #expect(try cost(exporter, "changed") == before)
            #expect(await exporter.accountPlaces.map(\.name) == ["kept", "third", "changed"])
            while try cost(exporter, "third") != before { await Task.yield() }
        }
    }

    @Test("an account with an invalid config keeps running unchanged")
    func invalidAccount() async throws {
        try await run { rig, exporter, configuration in
            let before = try cost(exporter, "changed")
            var broken = configuration
            broken.accounts[1].baseURL = "nonsense"
            await #expect(throws: (any Error).self) { try await exporter.reload(broken) }
            #expect(try cost(exporter, "changed") == before)
            #expect(try exporter.scrape().value("genai_exporter_config_last_reload_successful") == 0)
            #expect(await exporter.syncSoon(account: "changed") == 0)
            #expect(await exporter.syncSoon(account: "nobody") == nil)

            try await exporter.reload(configuration)
            #expect(try exporter.scrape().value("genai_exporter_config_last_reload_successful") == 1)
            #expect(try cost(exporter, "changed") == before)
        }
    }

    @Test("a changed retention applies to accounts that were not changed themselves") func retentionOnly()
        async throws
    {
        try await WaveSpeedRig.run { rig in
            rig.events.add(
                TestTraffic(random: SeededRandom(5)).events(90, in: Period(start: friday - .days(9), end: friday)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let account = rig.rig.configuration.accounts[0].name
                let day = (friday - .days(5)).day
                let before = try await exporter.sync(account: account, days: day...day)
                #expect(before == .accepted)
                var newest = rig.rig.configuration
                newest.global.retention = .days(5)
                try await exporter.reload(newest)
                rig.clock.advance(by: .days(1))
                _ = try await exporter.syncOnce()
                let after = try await exporter.sync(account: account, days: day...day)
                #expect(after == .daysNotKept)
            }
        }
    }
}
