import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// A simulated provider as a random world changes it.
protocol ChangeableUsage: Sendable {
    /// Where its API is found at the simulator.
    var path: String { get }

    /// Adds one charged request.
    func add(_ use: RandomWorld.Use)

    /// Changes what was charged for the request with this number, in millionths of a dollar; nil takes it back.
    func change(_ number: Int, micros: Int?)

    /// The prepaid balance that the provider shows, in USD; nil where it shows none.
    var balance: ExactDecimal? { get }
}

/// A provider that is late, revises, contradicts itself and fails, and what is expected of an exporter that reads it.
struct RandomWorld {
    /// One charged request.
    struct Use {
        /// Which one it is.
        let number: Int
        let time: Timestamp
        /// A key that the provider gives figures for; nil where it has none.
        let key: String?
        let model: String
        /// What is charged at the moment, in millionths of a dollar; 0 once it was taken back.
        var micros: Int
        var isTakenBack = false
    }

    /// The labels of a counter.
    private struct Labels: Hashable {
        let key: String
        let model: String

        var text: [String: String] { ["key": key, "model": model] }
    }

    let random: SeededRandom
    let clock: SkewedClock
    private let rig: ExporterRig
    private let right: ManualClock
    private let faults: FaultPlan
    private let usage: any ChangeableUsage
    /// The configured names of the keys that requests are made with, beside none.
    private let keys: [String: String]
    private var uses: [Use] = []
    /// What the provider showed at the last successful sync, by labels and day.
    private var shown: [Labels: [UTCDay: ExactDecimal]] = [:]
    private var balance: ExactDecimal?
    private var readAt: Timestamp?
    private let ledgerStart: UTCDay
    /// What a counter may be.
    private var bounds: [Labels: ClosedRange<ExactDecimal>] = [:]
    private var downSince: Timestamp?
    private var before: [String: Double] = [:]
    private var log: [String] = []

    /// - Parameter keys: names by id.
    init(_ rig: ExporterRig, _ usage: any ChangeableUsage, faults: FaultPlan, keys: [String: String], seed: UInt64) {
        self.rig = rig
        self.usage = usage
        self.faults = faults
        self.keys = keys
        right = rig.clock
        random = SeededRandom(seed)
        clock = SkewedClock(rig.clock)
        ledgerStart = (rig.clock.now - .days(40)).day
        for _ in 0..<200 { add(at: right.now - .minutes(random.int(1...60 * 24 * 40))) }
    }

    /// One thing happens, one sync follows, and everything that is served is recounted.
    mutating func step(_ exporter: Exporter) async throws {
        try await change(exporter)
        var succeeded = try await exporter.syncOnce()
        // A response that is an error now and then is no outage: the syncs after it read everything.
        while !succeeded, downSince == nil, clock.ahead == .zero {
            right.advance(by: .minutes(1))
            succeeded = try await exporter.syncOnce()
        }
        try await exporter.tick()
        note("sync \(succeeded ? "succeeded" : "failed")")
        if succeeded, clock.ahead == .zero { recount() }
        if clock.ahead != .zero {
            clock.set(.zero)
            // What is served is looked at by the right clock.
            succeeded = try await exporter.syncOnce()
            while !succeeded, downSince == nil {
                note("sync failed")
                right.advance(by: .minutes(1))
                succeeded = try await exporter.syncOnce()
            }
            guard succeeded else { return }
            try await exporter.tick()
            recount()
        }
        try check(exporter.scrape())
    }

    private mutating func switchOutage() {
        faults.clear()
        if downSince == nil { faults.stand(.status(503), at: usage.path) }
        downSince = downSince == nil ? right.now : nil
        note(downSince == nil ? "up" : "down")
    }

    private mutating func change(_ exporter: Exporter) async throws {
        // A totals query sees 31 days: what happened to a day must be seen before that.
        if let downSince, right.now - downSince > .days(6) { return switchOutage() }
        switch random.int(0...99) {
        case 0..<43:
            right.advance(by: .minutes(random.int(1...40)))
            for _ in 0..<random.int(0...3) { add(at: right.now - .seconds(random.int(0...600))) }
            note("use")
        case 43..<53:
            right.advance(by: .hours(random.int(1...30)))
            note("time")
        case 53..<64:
            let days = random.int(0...20)
            add(at: right.now - .days(days) - .minutes(random.int(0...600)))
            note("late by \(days) days")
        case 64..<68:
            try await changeOldDay(exporter)
        case 68..<79:
            guard let place = recentUse() else { break }
            revise(place, micros: random.int(1...5_000_000))
            note("revised")
        case 79..<83:
            guard let place = recentUse() else { break }
            revise(place, micros: nil)
            note("taken back")
        case 83..<89:
            switchOutage()
        case 89..<93:
            clock.set(.hours(random.int(-240...240)))
            note("clock \(clock.ahead)")
        case 93..<97:
            var changed = rig.configuration
            changed.accounts[0].syncInterval = .seconds(random.int(60...600))
            if random.int(0...1) == 0 { changed.global.windows = WindowSpan.allCases.shuffled() }
            // The credential is rotated; the account is the same.
            if random.int(0...1) == 0 { changed.accounts[0].credential = .literal("test-token-rotated") }
            try await exporter.reload(changed)
            note("reload")
        default:
            right.advance(by: .seconds(5))
        }
    }

    /// A day that no schedule and no totals query reads any more is charged late; an operator has it read again.
    private mutating func changeOldDay(_ exporter: Exporter) async throws {
        guard downSince == nil else { return }
        let time = right.now - .days(random.int(25...39)) - .minutes(random.int(0...600))
        guard time.day >= ledgerStart else { return }
        add(at: time)
        note("late on \(time.day), on request")
        let account = rig.configuration.accounts[0].name
        #expect(try await exporter.sync(account: account, days: time.day...time.day) == .accepted)
    }

    private mutating func note(_ text: String) {
        log.append("\(right.now) \(text)")
        if log.count > 12 { log.removeFirst() }
    }

    private mutating func add(at time: Timestamp) {
        let keys = [nil] + keys.keys.sorted().map { $0 }
        let use = Use(
            number: uses.count, time: time, key: keys[random.int(0...(keys.count - 1))],
            model: "m\(random.int(1...4))", micros: random.int(1...3_000_000))
        uses.append(use)
        usage.add(use)
    }

    private mutating func revise(_ place: Int, micros: Int?) {
        usage.change(uses[place].number, micros: micros)
        uses[place].micros = micros ?? 0
        uses[place].isTakenBack = micros == nil
    }

    /// One of the last 21 days: a totals query finds what happens to it, also after an outage.
    private func recentUse() -> Int? {
        let recent = uses.indices.filter { !uses[$0].isTakenBack && uses[$0].time > right.now - .days(21) }
        return recent.isEmpty ? nil : recent[random.int(0...(recent.count - 1))]
    }

    private mutating func recount() {
        let earlier = shown
        shown = [:]
        for use in uses where use.time.day >= ledgerStart && use.time <= right.now {
            let labels = Labels(key: use.key.flatMap { keys[$0] } ?? "", model: use.model)
            shown[labels, default: [:]][use.time.day, default: .zero] += ExactDecimal(micros: use.micros)
        }
        readAt = right.now
        balance = usage.balance
        for (labels, days) in shown {
            let sum = days.values.reduce(ExactDecimal.zero, +)
            let old = earlier[labels] ?? [:]
            // Days are committed one by one: what one has gained is counted before another loses something.
            let gained = days.reduce(ExactDecimal.zero) { $0 + max(.zero, $1.value - (old[$1.key] ?? .zero)) }
            let before = bounds[labels] ?? .zero...(.zero)
            let low = max(before.lowerBound, sum)
            bounds[labels] = low...max(low, before.upperBound, old.values.reduce(.zero, +) + gained)
        }
    }

    private mutating func check(_ scrape: Scrape) throws {
        let counters = scrape.counters.filter { $0.key.hasPrefix("genai_") && !$0.key.contains("exporter_") }
        for (name, value) in before where (counters[name] ?? -1) < value {
            Issue.record("\(name) fell from \(value) to \(String(describing: counters[name])): \(log)")
        }
        before = counters
        for (labels, bound) in bounds {
            let served = scrape.value("genai_cost_usd_total", labels.text).flatMap { ExactDecimal("\($0)") }
            guard let served, bound.contains(served) else {
                Issue.record("\(labels) is \(String(describing: served)), not in \(bound): \(log)")
                continue
            }
            bounds[labels] = served...served
        }
        guard let readAt else { return }
        if scrape.value("genai_balance_usd") != balance?.doubleValue {
            Issue.record("balance is \(String(describing: scrape.value("genai_balance_usd"))): \(log)")
        }
        let today = right.now.day
        for window in WindowSpan.allCases {
            let days = window.days(on: today)
            let isOver = days.upperBound < today
            let isWhole =
                days.lowerBound >= ledgerStart
                && (isOver ? readAt >= days.upperBound.advanced(by: 1).start : readAt > days.lowerBound.start)
            for (labels, byDay) in shown {
                let wanted = byDay.filter { days.contains($0.key) }.values.reduce(ExactDecimal.zero, +)
                let text = labels.text.merging(["window": window.rawValue]) { $1 }
                let served = scrape.value("genai_window_cost_usd", text)
                if let served, !isWhole || served != wanted.doubleValue {
                    Issue.record("\(window) of \(labels) is \(served), not \(wanted), whole: \(isWhole): \(log)")
                }
                if served == nil, isWhole, !wanted.isZero {
                    Issue.record("\(window) of \(labels) is absent, not \(wanted): \(log)")
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
