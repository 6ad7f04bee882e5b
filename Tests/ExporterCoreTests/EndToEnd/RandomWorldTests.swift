import ExporterTestSupport
import NIOConcurrencyHelpers
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Randomized tests with late and revised usage, error objects, outages, a wrong clock, reloads with a rotated key,
/// days read again on request, and random restarts.
///
/// After each step every counter is at least a recount of the usage that the provider showed at the last successful
/// sync, and at most its previous value plus the increase of each day since. No counter decreases. Every served
/// balance, window and budget equals a complete recount.
@Suite struct RandomWorldTests {
    // Near the end of a month, so that the month ends early in the test.
    private static let start = Timestamp(milliseconds: 1_772_136_000_000)  // 2026-02-26T20:00:00Z

    private static func adjust(_ configuration: inout ExporterConfiguration) {
        configuration.global.zeroFirst = .zero
        configuration.accounts[0].history = .days(40)
        configuration.budgets = RandomBudget.all.map(\.0)
        configuration.owners = RandomBudget.owners
    }

    @Test("every value of WaveSpeed equals a recount", arguments: [1, 2, 5, 6])
    func waveSpeed(seed: UInt64) async throws {
        try await WaveSpeedRig.run(
            at: Self.start, simulated: { $0.quirks = WaveSpeedQuirks(seed: seed) }, adjust: Self.adjust
        ) { rig in
            let usage = WaveSpeedUsage(events: rig.events)
            try await Self.run(
                RandomWorld(rig.rig, usage, faults: rig.server.faults, keys: [:], seed: seed), rig.rig, steps: 2_000)
        }
    }

    @Test("every value of FairStack equals a recount", arguments: [3, 4])
    func fairStack(seed: UInt64) async throws {
        try await FairStackRig.run(
            at: Self.start,
            simulated: { account in
                account.quirks = FairStackQuirks(seed: seed)
                // Late charges of any day must be found at the next sync.
                account.quirks.dailyLag = .zero
            }, adjust: Self.adjust
        ) { rig in
            let keys = Dictionary(uniqueKeysWithValues: FairStackRig.keys.map { ($0.id ?? "", $0.name) })
            try await Self.run(
                RandomWorld(
                    rig.rig, FairStackUsage(store: rig.store), faults: rig.server.faults, keys: keys, seed: seed),
                rig.rig, steps: 1_000)
        }
    }

    private static func run(_ world: RandomWorld, _ rig: ExporterRig, steps: Int) async throws {
        var world = world
        var left = steps
        while left > 0 {
            let clock = world.clock
            world.restarted()
            try await rig.withExporter(adjust: { $0.clock = clock }) { exporter in
                // A number of steps, then a restart.
                for _ in 0..<min(left, world.random.int(20...120)) {
                    try await world.step(exporter)
                    left -= 1
                }
            }
        }
    }
}

private final class WaveSpeedUsage: ChangeableUsage {
    let path = "/wavespeed"
    private let events: UsageEventStore
    private let ids = NIOLockedValueBox<[UsageEventStore.EventID]>([])

    init(events: UsageEventStore) { self.events = events }

    var balance: ExactDecimal? { ExactDecimal(5000) - events.shownCost }

    func add(_ use: RandomWorld.Use) {
        let event = UsageEvent(
            time: use.time, model: use.model, unitPrice: .zero, cost: ExactDecimal(micros: use.micros))
        ids.withLockedValue { $0.append(events.add(event)) }
    }

    func change(_ number: Int, micros: Int?) {
        let id = ids.withLockedValue { $0[number] }
        if let micros { events.revise(id, cost: ExactDecimal(micros: micros)) } else { events.remove(id) }
    }
}

private struct FairStackUsage: ChangeableUsage {
    let path = "/fairstack"
    let store: FairStackStore

    // Without top-ups the balance is minus the charges.
    var balance: ExactDecimal? {
        let ever = Period(start: Timestamp(milliseconds: 0), end: Timestamp(milliseconds: 4_000_000_000_000))
        return store.truth(in: ever).cost.values.reduce(.zero) { $0 - $1 }
    }

    func add(_ use: RandomWorld.Use) {
        store.add([
            FairStackTransaction(
                id: "t\(use.number)", time: use.time, key: use.key, model: use.model, modality: "image",
                micro: use.micros)
        ])
    }

    func change(_ number: Int, micros: Int?) {
        store.revise("t\(number)") { transaction in
            transaction.micro = micros ?? transaction.micro
            if micros == nil { transaction.visibleFrom = transaction.time + .days(9999) }
        }
    }
}
