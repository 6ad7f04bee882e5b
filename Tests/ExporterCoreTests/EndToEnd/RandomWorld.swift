import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// A simulated provider whose usage the random test changes.
protocol ChangeableUsage: Sendable {
    /// The path prefix of its API at the simulator.
    var path: String { get }

    /// Adds one charged request.
    func add(_ use: RandomWorld.Use)

    /// Changes the charge for a request, in millionths of a dollar; nil removes the request.
    func change(_ number: Int, micros: Int?)

    /// The prepaid balance that the provider shows, in USD; nil if it shows none.
    var balance: ExactDecimal? { get }
}

/// A provider with late, revised, contradictory and failing responses, and the values expected of an exporter.
struct RandomWorld {
    struct Use {
        /// Index of the request.
        let number: Int
        let time: Timestamp
        /// The key, if the provider reports usage by key.
        let key: String?
        let model: String
        /// The current charge in millionths of a dollar; 0 once the request was removed.
        var micros: Int
        var isRemoved = false
    }

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
    /// The configured names of the keys used for requests, by id; requests may also have no key.
    private let keys: [String: String]
    private var uses: [Use] = []
    /// The usage that the provider showed at the last successful sync, by labels and day.
    private var shown: [Labels: [UTCDay: ExactDecimal]] = [:]
    private var balance: ExactDecimal?
    private var readAt: Timestamp?
    private let ledgerStart: UTCDay
    /// The allowed range of each counter.
    private var bounds: [Labels: ClosedRange<ExactDecimal>] = [:]
    private var downSince: Timestamp?
    private var before: [String: Double] = [:]
    private var log: [String] = []
    /// The budgets of the current config.
    private var budgets: [Budget]

    /// - Parameter keys: names by id.
    init(_ rig: ExporterRig, _ usage: any ChangeableUsage, faults: FaultPlan, keys: [String: String], seed: UInt64) {
        self.rig = rig
        budgets = rig.configuration.budgets
        self.usage = usage
        self.faults = faults
        self.keys = keys
        right = rig.clock
        random = SeededRandom(seed)
        clock = SkewedClock(rig.clock)
        ledgerStart = (rig.clock.now - .days(40)).day
        for _ in 0..<200 { add(at: right.now - .minutes(random.int(1...60 * 24 * 40))) }
    }

    /// Returns to the config of the fixture, as a restart does.
    mutating func restarted() { budgets = rig.configuration.budgets }

    /// Applies one random change, syncs, and recounts all served values.
    mutating func step(_ exporter: Exporter) async throws {
        try await change(exporter)
        var succeeded = try await exporter.syncOnce()
        // Occasional error responses are not an outage: the following syncs read everything.
        while !succeeded, downSince == nil, clock.ahead == .zero {
            right.advance(by: .minutes(1))
            succeeded = try await exporter.syncOnce()
        }
        try await exporter.tick()
        note("sync \(succeeded ? "succeeded" : "failed")")
        if succeeded, clock.ahead == .zero { recount() }
        if clock.ahead != .zero {
            clock.set(.zero)
            // Served values are checked with the right clock.
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
        // A totals query covers 31 days: a change must be read before its day is older.
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
            // A totals query covers 31 days, and an outage uses up some of them.
            let days = random.int(0...(downSince == nil ? 29 : 20))
            add(at: right.now - .days(days) - .minutes(random.int(0...600)))
            note("late by \(days) days")
        case 64..<68:
            try await changeOldDay(exporter)
        case 68..<79:
            guard let index = recentUse() else { break }
            revise(index, micros: random.int(1...5_000_000))
            note("revised")
        case 79..<83:
            guard let index = recentUse() else { break }
            revise(index, micros: nil)
            note("removed")
        case 83..<89:
            switchOutage()
        case 89..<93:
            clock.set(.hours(random.int(-240...240)))
            note("clock \(clock.ahead)")
        case 93..<97:
            var changed = rig.configuration
            changed.accounts[0].syncInterval = .seconds(random.int(60...600))
            if random.int(0...1) == 0 { changed.global.windows = WindowSpan.allCases.shuffled() }
            if random.int(0...1) == 0 {
                let dropped = random.int(0...RandomBudget.all.count)
                changed.budgets = RandomBudget.all.enumerated().filter { $0.offset != dropped }.map(\.element.0)
            }
            budgets = changed.budgets
            // The credential is rotated; the account is the same.
            if random.int(0...1) == 0 { changed.accounts[0].credential = .literal("test-token-rotated") }
            try await exporter.reload(changed)
            note("reload")
        default:
            right.advance(by: .seconds(5))
        }
    }

    /// Adds a late charge to a day that no schedule or totals query reads, and requests a new reading of that day.
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

    private mutating func revise(_ index: Int, micros: Int?) {
        usage.change(uses[index].number, micros: micros)
        uses[index].micros = micros ?? 0
        uses[index].isRemoved = micros == nil
    }

    /// A request of the last 21 days, whose changes a totals query finds even after an outage.
    private func recentUse() -> Int? {
        let recent = uses.indices.filter { !uses[$0].isRemoved && uses[$0].time > right.now - .days(21) }
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
            // Days are committed separately: one day's increase may be counted before another's decrease.
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
        for case (let budget, let counts) in RandomBudget.all where budgets.contains(budget) {
            try check(budget, counts, scrape, readAt: readAt)
        }
    }

    /// Compares a budget with a recount of the provider's usage.
    private func check(
        _ budget: Budget, _ counts: (_ key: String, _ model: String) -> Bool?, _ scrape: Scrape, readAt: Timestamp
    ) throws {
        let days = budget.period.days(containing: right.now.day)
        let isKnown = readAt > days.lowerBound.start && days.lowerBound >= ledgerStart
        var (wanted, unattributed) = (ExactDecimal.zero, ExactDecimal.zero)
        for (labels, byDay) in shown {
            let sum = byDay.filter { days.contains($0.key) }.values.reduce(ExactDecimal.zero, +)
            switch counts(labels.key, labels.model) {
            case true?: wanted += sum
            case nil: unattributed += sum
            case false?: break
            }
        }
        let name = ["budget": budget.name]
        let spent = scrape.value("genai_budget_spent_usd", name)
        if spent != (isKnown ? wanted.doubleValue : nil) {
            Issue.record("\(budget.name) is \(String(describing: spent)), not \(wanted), known: \(isKnown): \(log)")
        }
        if budget.filter.key != nil {
            let served = scrape.value("genai_budget_unattributed_usd", name)
            if served != (isKnown ? unattributed.doubleValue : nil) {
                Issue.record("\(budget.name) leaves \(String(describing: served)), not \(unattributed): \(log)")
            }
        }
        for percent in [50, 80, 100] {
            let reached = scrape.value(
                "genai_budget_threshold_reached", name.merging(["threshold": "\(percent)%"]) { $1 })
            let isReached = wanted * 100 >= budget.limit * percent
            if reached != (isKnown ? (isReached ? 1 : 0) : nil) {
                Issue.record("\(percent)% of \(budget.name) is \(String(describing: reached)), spent \(wanted): \(log)")
            }
        }
    }
}

/// The budgets of the random worlds, each with a naive rule for what counts: nil is what the provider does not split.
enum RandomBudget {
    typealias Rule = @Sendable (_ key: String, _ model: String) -> Bool?

    static let owners = Owners([
        Owners.Claim(Owner(name: "front"), keys: NamePattern("we*")),
        Owners.Claim(Owner(name: "rest"), accounts: ["media", "stack"]),
    ])

    static let all: [(Budget, Rule)] = {
        var models = BudgetFilter()
        models.model = NamePattern("*1")
        var keys = BudgetFilter()
        keys.key = NamePattern("ba*")
        var both = BudgetFilter()
        (both.key, both.model) = (NamePattern("web"), NamePattern("m3"))
        var owned = BudgetFilter()
        owned.owner = NamePattern("rest")
        func entry(_ budget: Budget, _ rule: @escaping Rule) -> (Budget, Rule) { (budget, rule) }
        let tenDays = BudgetPeriod.every(days: 10, from: UTCDay(daysSinceEpoch: 20_500))
        return [
            entry(Budget(name: "month", limit: ExactDecimal(100))) { _, _ in true },
            entry(Budget(name: "day", limit: ExactDecimal("0.9") ?? .zero, period: .day)) { _, _ in true },
            entry(Budget(name: "models", limit: ExactDecimal(20), period: .week, filter: models)) { $1 == "m1" },
            entry(Budget(name: "keys", limit: ExactDecimal(15), period: tenDays, filter: keys)) { key, _ in
                key.isEmpty ? nil : key == "batch"
            },
            entry(Budget(name: "both", limit: ExactDecimal(3), filter: both)) { key, model in
                model != "m3" ? false : key.isEmpty ? nil : key == "web"
            },
            entry(Budget(name: "owned", limit: ExactDecimal(60), filter: owned)) { key, _ in key != "web" },
        ]
    }()
}
