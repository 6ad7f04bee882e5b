import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Random worlds: late and revised usage, outages, a wrong clock, reloads and restarts at random moments.
///
/// After each step every counter is at least a naive recount of what the provider showed at the last successful sync, and
/// at most what it was before and what each day has gained since; no counter is lower than it was; and every window and
/// budget that is served is a naive recount of its days, whole.
@Suite struct RandomWorldTests {
    private static let steps = 2_500

    @Test(arguments: [1, 2, 3, 4]) func everyFigureIsANaiveRecount(seed: UInt64) async throws {
        let adjust: (inout ExporterConfiguration) -> Void = { configuration in
            configuration.global.zeroFirst = .zero
            configuration.accounts[0].history = .days(40)
            configuration.accounts[0].monthlyBudget = ExactDecimal(1000)
        }
        // In the last days of a month, so that its end comes early.
        let start = try #require(Timestamp("2026-02-26T20:00:00Z"))
        try await WaveSpeedRig.run(at: start, adjust: adjust) { rig in
            var world = RandomWorld(rig, seed: seed)
            var left = Self.steps
            while left > 0 {
                try await rig.rig.withExporter(adjust: { $0.clock = world.clock }) { exporter in
                    // Some steps, then a restart.
                    for _ in 0..<min(left, world.random.int(20...120)) {
                        try await world.step(exporter)
                        left -= 1
                    }
                }
            }
        }
    }
}

/// A provider that is late, revises, and fails, and what is expected of an exporter that reads it.
private struct RandomWorld {
    private struct Use {
        let id: UsageEventStore.EventID
        let event: UsageEvent
        var cost: ExactDecimal?
    }

    let random: SeededRandom
    let clock: SkewedClock
    private let rig: WaveSpeedRig
    private var uses: [Use] = []
    /// What the provider showed at the last successful sync, by model and day.
    private var shown: [String: [UTCDay: ExactDecimal]] = [:]
    private var readAt: Timestamp?
    private let ledgerStart: UTCDay
    /// What a counter may be, by model.
    private var bounds: [String: ClosedRange<ExactDecimal>] = [:]
    private var downSince: Timestamp?
    private var before: [String: Double] = [:]
    private var log: [String] = []

    init(_ rig: WaveSpeedRig, seed: UInt64) {
        self.rig = rig
        random = SeededRandom(seed)
        clock = SkewedClock(rig.clock)
        ledgerStart = (rig.clock.now - .days(40)).day
        for _ in 0..<200 { add(at: rig.clock.now - .minutes(random.int(1...60 * 24 * 40))) }
    }

    /// One thing happens, one sync follows, and everything that is served is recounted.
    mutating func step(_ exporter: Exporter) async throws {
        try await change(exporter)
        let succeeded = try await exporter.syncOnce()
        try await exporter.tick()
        note("sync \(succeeded ? "succeeded" : "failed")")
        if succeeded, clock.ahead == .zero { recount() }
        if clock.ahead != .zero {
            clock.set(.zero)
            // What is served is looked at by the right clock.
            guard try await exporter.syncOnce() else { return }
            try await exporter.tick()
            recount()
        }
        try check(exporter.scrape())
    }

    private mutating func switchOutage() {
        rig.server.faults.clear()
        if downSince == nil { rig.server.faults.stand(.status(503), at: "/wavespeed") }
        downSince = downSince == nil ? rig.clock.now : nil
        note(downSince == nil ? "up" : "down")
    }

    private mutating func change(_ exporter: Exporter) async throws {
        // A totals query sees 31 days: what happened to a day must be seen before that.
        if let downSince, rig.clock.now - downSince > .days(6) { return switchOutage() }
        switch random.int(0...99) {
        case 0..<45:
            rig.clock.advance(by: .minutes(random.int(1...40)))
            for _ in 0..<random.int(0...3) { add(at: rig.clock.now - .seconds(random.int(0...600))) }
            note("use")
        case 45..<55:
            rig.clock.advance(by: .hours(random.int(1...30)))
            note("time")
        case 55..<67:
            let days = random.int(0...20)
            add(at: rig.clock.now - .days(days) - .minutes(random.int(0...600)))
            note("late by \(days) days")
        case 67..<79:
            guard let index = recentUse() else { break }
            let cost = ExactDecimal(micros: random.int(1...5_000_000))
            if rig.events.revise(uses[index].id, cost: cost) { uses[index].cost = cost }
            note("revised")
        case 79..<83:
            guard let index = recentUse() else { break }
            if rig.events.remove(uses[index].id) { uses[index].cost = nil }
            note("taken back")
        case 83..<89:
            switchOutage()
        case 89..<93:
            clock.set(.hours(random.int(-240...240)))
            note("clock \(clock.ahead)")
        case 93..<97:
            var changed = rig.rig.configuration
            changed.accounts[0].syncInterval = .seconds(random.int(60...600))
            if random.int(0...1) == 0 { changed.global.windows = WindowSpan.allCases.shuffled() }
            try await exporter.reload(changed)
            note("reload")
        default:
            rig.clock.advance(by: .seconds(5))
        }
    }

    private mutating func note(_ text: String) {
        log.append("\(rig.clock.now) \(text)")
        if log.count > 12 { log.removeFirst() }
    }

    private mutating func add(at time: Timestamp) {
        let event = UsageEvent(
            time: time, model: "m\(random.int(1...4))", unitPrice: .zero,
            cost: ExactDecimal(micros: random.int(1...3_000_000)))
        uses.append(Use(id: rig.events.add(event), event: event, cost: event.cost))
    }

    /// One of the last 21 days: a totals query finds what happens to it, also after an outage.
    private func recentUse() -> Int? {
        let recent = uses.indices.filter { uses[$0].cost != nil && uses[$0].event.time > rig.clock.now - .days(21) }
        return recent.isEmpty ? nil : recent[random.int(0...(recent.count - 1))]
    }

    private mutating func recount() {
        let earlier = shown
        shown = [:]
        for use in uses where use.event.time.day >= ledgerStart && use.event.time <= rig.clock.now {
            shown[use.event.model, default: [:]][use.event.time.day, default: .zero] += use.cost ?? .zero
        }
        readAt = rig.clock.now
        for (model, days) in shown {
            let sum = days.values.reduce(ExactDecimal.zero, +)
            let old = earlier[model] ?? [:]
            // Days are committed one by one: what one has gained is counted before another loses something.
            let gained = days.reduce(ExactDecimal.zero) { $0 + max(.zero, $1.value - (old[$1.key] ?? .zero)) }
            let before = bounds[model] ?? .zero...(.zero)
            let low = max(before.lowerBound, sum)
            bounds[model] = low...max(low, before.upperBound, old.values.reduce(.zero, +) + gained)
        }
    }

    private mutating func check(_ scrape: Scrape) throws {
        let counters = scrape.counters.filter { $0.key.hasPrefix("genai_") && !$0.key.contains("exporter_") }
        for (name, value) in before where (counters[name] ?? -1) < value {
            Issue.record("\(name) fell from \(value) to \(String(describing: counters[name])): \(log)")
        }
        before = counters
        for (model, bound) in bounds {
            let served = scrape.value("genai_cost_usd_total", ["model": model]).flatMap { ExactDecimal("\($0)") }
            guard let served, bound.contains(served) else {
                Issue.record("\(model) is \(String(describing: served)), not in \(bound): \(log)")
                continue
            }
            bounds[model] = served...served
        }
        guard let readAt else { return }
        let today = rig.clock.now.day
        for window in WindowSpan.allCases {
            let days = window.days(on: today)
            let isOver = days.upperBound < today
            let isWhole =
                days.lowerBound >= ledgerStart
                && (isOver ? readAt >= days.upperBound.advanced(by: 1).start : readAt > days.lowerBound.start)
            for (model, byDay) in shown {
                let wanted = byDay.filter { days.contains($0.key) }.values.reduce(ExactDecimal.zero, +)
                let served = scrape.value("genai_window_cost_usd", ["model": model, "window": window.rawValue])
                if let served, !isWhole || served != wanted.doubleValue {
                    Issue.record("\(window) of \(model) is \(served), not \(wanted), whole: \(isWhole): \(log)")
                }
                if served == nil, isWhole, !wanted.isZero {
                    Issue.record("\(window) of \(model) is absent, not \(wanted): \(log)")
                }
            }
        }
        let month = WindowSpan.monthToDate.days(on: today)
        let spent = scrape.value("genai_budget_spent_usd", ["scope": "config"])
        let wanted = shown.values.flatMap { $0.filter { month.contains($0.key) }.values }.reduce(.zero, +)
        let isKnown = readAt > month.lowerBound.start && month.lowerBound >= ledgerStart
        if spent != (isKnown ? wanted.doubleValue : nil) {
            Issue.record("budget spent is \(String(describing: spent)), not \(wanted), known: \(isKnown): \(log)")
        }
    }
}
