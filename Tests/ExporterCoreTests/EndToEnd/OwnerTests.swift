import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// `genai_key_owner_info`: who owns the keys of an account.
@Suite struct OwnerTests {
    private static let family = "genai_key_owner_info"

    private static func claim(_ owner: String, _ center: String = "", keys: String? = nil) -> Owners.Claim {
        let owner = Owner(name: owner, costCenter: center)
        return keys.map { Owners.Claim(owner, keys: NamePattern($0)) } ?? Owners.Claim(owner, accounts: ["stack"])
    }

    /// Owner and cost center by key.
    private static func shown(_ scrape: Scrape) throws -> [String: [String]] {
        let samples = scrape.samples(family)
        #expect(samples.allSatisfy { $0.value == 1 && $0.labels["account"] == "stack" })
        #expect(Set(samples.map { $0.labels["key"] }).count == samples.count, "one owner per key")
        return Dictionary(
            uniqueKeysWithValues: samples.map {
                (
                    $0.labels["key", default: ""],
                    [$0.labels["owner", default: ""], $0.labels["cost_center", default: ""]]
                )
            })
    }

    private static func use(of key: String?, at time: Timestamp) -> FairStackTransaction {
        FairStackTransaction(id: "\(key ?? "none") \(time)", time: time, key: key, model: "m", micro: 1_250_001)
    }

    private func run(
        _ owners: [Owners.Claim], adjust: (inout AccountConfiguration) -> Void = { _ in },
        _ body: (FairStackRig, Exporter) async throws -> Void
    ) async throws {
        let adjust: (inout ExporterConfiguration) -> Void = {
            $0.owners = Owners(owners)
            adjust(&$0.accounts[0])
        }
        try await FairStackRig.run(adjust: adjust) { rig in
            rig.store.add(
                ["key_web", "key_batch", nil].map { Self.use(of: $0, at: friday - .hours(30)) })
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                try await body(rig, exporter)
            }
        }
    }

    @Test("each key of the account's series has its owner, and usage without key the account's")
    func keys() async throws {
        try await run([Self.claim("video", "4711", keys: "web"), Self.claim("ops")]) { _, exporter in
            let scrape = try exporter.scrape()
            #expect(try Self.shown(scrape) == ["web": ["video", "4711"], "batch": ["ops", ""], "": ["ops", ""]])
            let keys = Set(scrape.samples("genai_cost_usd_total").map { $0.labels["key", default: ""] })
            #expect(keys == ["web", "batch", ""])
        }
    }

    @Test("keys without an owner have no series")
    func unowned() async throws {
        try await run([Self.claim("video", keys: "we*")]) { _, exporter in
            let shown = try Self.shown(exporter.scrape())
            #expect(shown == ["web": ["video", ""]])
        }
        try await run([]) { _, exporter in
            let scrape = try exporter.scrape()
            #expect(scrape.samples(Self.family).isEmpty)
        }
    }

    @Test("keys are matched before they are renamed or hashed, and as they are exported")
    func labelOptions() async throws {
        let owners = [Self.claim("video", keys: "web"), Self.claim("team", keys: "team-batch")]
        try await run(
            owners,
            adjust: {
                $0.labels.hashKeys = true
                $0.labels.rename = ["key": ["batch": "team-batch"]]
            }
        ) { _, exporter in
            let shown = try Self.shown(exporter.scrape())
            #expect(shown["team-batch"] == ["team", ""])
            let hashed = shown.filter { $0.key.hasPrefix("h:") }
            #expect(Array(hashed.values) == [["video", ""]] && shown.count == 2)
        }
    }

    @Test("keys past the series limit belong to the account's owner, as their series do")
    func seriesLimit() async throws {
        try await run(
            [Self.claim("video", keys: "*"), Self.claim("ops")], adjust: { $0.seriesLimit = 1 }
        ) { _, exporter in
            let scrape = try exporter.scrape()
            let keys = Set(scrape.samples("genai_cost_usd_total").map { $0.labels["key", default: ""] })
            let shown = try Self.shown(scrape)
            #expect(keys.isSubset(of: shown.keys))
            #expect(shown[""] == ["ops", ""])
        }
    }

    @Test("a reload changes owners, and nothing else")
    func reload() async throws {
        try await run([Self.claim("video", keys: "web")]) { rig, exporter in
            let before = try exporter.scrape()
            let requests = rig.server.log.requests.count
            var newest = rig.rig.configuration
            for owners in [[Self.claim("ops", "12", keys: "web"), Self.claim("batch", keys: "batch")], []] {
                newest.owners = Owners(owners)
                try await exporter.reload(newest)
                let after = try exporter.scrape()
                #expect(
                    try Self.shown(after)
                        == (owners.isEmpty ? [:] : ["web": ["ops", "12"], "batch": ["batch", ""]]))
                for (series, value) in before.counters { #expect(after.counters[series] == value, "\(series)") }
                #expect(after.counters.count == before.counters.count)
            }
            #expect(rig.server.log.requests.count == requests)
            newest.owners = Owners([Self.claim("video", keys: "web")])
            try await exporter.reload(newest)
            #expect(try Self.shown(exporter.scrape()) == Self.shown(before))
        }
    }

    @Test("owners are served again after a restart, before any sync")
    func restart() async throws {
        let owners = Owners([Self.claim("video", keys: "web"), Self.claim("ops")])
        try await FairStackRig.run(adjust: { $0.owners = owners }) { rig in
            rig.store.add([Self.use(of: "key_web", at: friday - .hours(30))])
            let before = try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                return try Self.shown(exporter.scrape())
            }
            #expect(before["web"] == ["video", ""])
            let after = try await rig.rig.withExporter { try Self.shown($0.scrape()) }
            #expect(after == before)
        }
    }

    @Test("keys that the provider lists have an owner before their first use, and usage without key has one later")
    func laterUse() async throws {
        let owners = Owners([Self.claim("video", keys: "*"), Self.claim("ops")])
        try await FairStackRig.run(adjust: { $0.owners = owners }) { rig in
            rig.store.add([Self.use(of: "key_web", at: friday - .hours(30))])
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let before = try Self.shown(exporter.scrape())
                #expect(before == ["web": ["video", ""], "batch": ["video", ""]])
                rig.store.add([Self.use(of: nil, at: rig.clock.now)])
                rig.clock.advance(by: .minutes(61))
                #expect(try await exporter.syncOnce())
                let after = try Self.shown(exporter.scrape())
                #expect(after == before.merging(["": ["ops", ""]]) { $1 })
            }
        }
    }
}
