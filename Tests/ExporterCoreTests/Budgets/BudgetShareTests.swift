import Testing
import UsageModel

@testable import ExporterCore
@testable import UsageLedger

/// Tests of which series count in a budget, and of its figures.
@Suite struct BudgetShareTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    /// Series of one account, each with what was spent in the period.
    private struct Series {
        let family: LedgerFamily
        let labels: [String]
        let spent: Int

        init(_ family: LedgerFamily, _ labels: [String], _ spent: Int) {
            self.family = family
            self.labels = labels
            self.spent = spent
        }
    }

    /// Cost that is split by model, and cost by key that covers a part of it.
    private static let separate = [
        Series(.cost, ["", "kling-v2"], 50), Series(.cost, ["", "flux"], 30), Series(.cost, ["", ""], 5),
        Series(.keyCost, ["web"], 40), Series(.keyCost, ["batch"], 20), Series(.keyCost, [""], 3),
        Series(.modalityCost, ["video"], 50), Series(.modalityCost, ["image"], 30), Series(.modalityCost, [""], 5),
        Series(.requests, ["", "flux"], 1000), Series(.topups, [], 500),
        Series(.credits, ["", "kling-v2", "diem"], 7), Series(.credits, ["", "", "diem"], 1),
        Series(.credits, ["", "kling-v2", "vcu"], 900), Series(.keyCredits, ["web", "diem"], 6),
    ]

    /// Cost by key and model at once, where cost by key repeats it.
    private static let joint = [
        Series(.cost, ["web", "kling-v2"], 11), Series(.cost, ["web", "flux"], 7),
        Series(.cost, ["batch", "kling-v2"], 5),
        Series(.cost, ["", "kling-v2"], 2), Series(.cost, ["web", ""], 1), Series(.keyCost, ["web"], 19),
        Series(.keyCost, ["batch"], 5), Series(.keyCost, [""], 2),
    ]

    private static func part(
        of series: [Series], unit: String? = nil, ownsKey: (@Sendable (String) -> Bool)? = nil,
        isReportedByKey: Bool = true, _ change: (inout BudgetFilter) -> Void
    ) -> BudgetPart {
        var filter = BudgetFilter()
        change(&filter)
        var share = BudgetShare(
            Budget(name: "b", limit: ExactDecimal(100), unit: unit, filter: filter), ownsKey: ownsKey,
            isReportedByKey: isReportedByKey)
        for (index, series) in series.enumerated() {
            let total = total(of: series, index)
            // An earlier sum is replaced, not added to.
            share.take(total, BudgetSums(spent: ExactDecimal(999), recent: ExactDecimal(1)))
            share.take(total, BudgetSums(spent: ExactDecimal(series.spent), recent: ExactDecimal(series.spent)))
        }
        return share.part(on: now.day, knowing: (true, true))
    }

    private static func total(of series: Series, _ index: Int) -> SeriesTotal {
        SeriesTotal(
            id: Int64(index), family: series.family, labels: series.labels, sum: .zero, counter: .zero,
            startedAt: now, bornAt: nil, isReleased: true, source: SourceID(row: 1), rank: index + 1, elsewhere: .zero)
    }

    private static func expect(
        _ part: BudgetPart, spent: Int, unattributed: Int?, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(part.spent == ExactDecimal(spent), sourceLocation: sourceLocation)
        #expect(part.recent == ExactDecimal(spent), sourceLocation: sourceLocation)
        #expect(part.unattributed == unattributed.map { ExactDecimal($0) }, sourceLocation: sourceLocation)
    }

    @Test("each filter counts its own view of the cost once, and what is not split is unattributed")
    func filters() {
        Self.expect(Self.part(of: Self.separate) { _ in }, spent: 85, unattributed: nil)
        Self.expect(
            Self.part(of: Self.separate) { $0.model = NamePattern("kling-*") }, spent: 50, unattributed: 5)
        Self.expect(Self.part(of: Self.separate) { $0.model = NamePattern("*") }, spent: 80, unattributed: 5)
        Self.expect(Self.part(of: Self.separate) { $0.key = NamePattern("web") }, spent: 40, unattributed: 25)
        Self.expect(Self.part(of: Self.separate) { $0.modality = NamePattern("vid*") }, spent: 50, unattributed: 5)
        // No series has both labels, so nothing is known.
        Self.expect(
            Self.part(of: Self.separate) { ($0.key, $0.model) = (NamePattern("web"), NamePattern("flux")) },
            spent: 0, unattributed: 35)
        Self.expect(Self.part(of: Self.joint) { $0.key = NamePattern("web") }, spent: 19, unattributed: 2)
        Self.expect(
            Self.part(of: Self.joint) { ($0.key, $0.model) = (NamePattern("web"), NamePattern("kling-*")) },
            spent: 11, unattributed: 3)
    }

    @Test("credits count in their own unit only")
    func credits() {
        Self.expect(Self.part(of: Self.separate, unit: "diem") { _ in }, spent: 8, unattributed: nil)
        Self.expect(
            Self.part(of: Self.separate, unit: "diem") { $0.model = NamePattern("kling*") }, spent: 7, unattributed: 1)
        Self.expect(
            Self.part(of: Self.separate, unit: "diem") { $0.key = NamePattern("*") }, spent: 6, unattributed: 2)
        Self.expect(Self.part(of: Self.separate, unit: "other") { _ in }, spent: 0, unattributed: nil)
    }

    @Test("an owner of keys has their cost, and the owner of the account the rest, so that both sum to the cost")
    func owners() {
        for series in [Self.separate, Self.joint] {
            let keys = Self.part(of: series, ownsKey: { $0 == "web" }) { $0.owner = NamePattern("front") }
            let rest = Self.part(of: series, ownsKey: { $0 != "web" }) { $0.owner = NamePattern("rest") }
            let all = Self.part(of: series) { _ in }
            #expect((keys.spent ?? .zero) + (rest.spent ?? .zero) == all.spent)
            #expect(rest.unattributed == nil)
            #expect(keys.unattributed != nil)
        }
    }

    private func figures(
        limit: Int = 100, period: BudgetPeriod = .month, _ parts: [BudgetPart?]
    ) -> [GaugeFamily: [GaugeSample]] {
        BudgetFigures(
            budget: Budget(name: "b", limit: ExactDecimal(limit), period: period), parts: parts, now: Self.now,
            isShared: true
        ).gauges
    }

    private func part(spent: Int?, recent: Int? = nil, spenders: [String: Int] = [:]) -> BudgetPart {
        BudgetPart(
            day: Self.now.day, spent: spent.map { ExactDecimal($0) }, recent: recent.map { ExactDecimal($0) },
            unattributed: nil,
            spenders: Dictionary(
                uniqueKeysWithValues: spenders.map {
                    (BudgetPart.Spender(labels: ["", $0], shown: ["", $0]), ExactDecimal($1))
                }))
    }

    @Test("the spent amount is absent until every account's is known")
    func unknown() {
        for parts in [[], [nil], [part(spent: 5), nil], [part(spent: 5), part(spent: nil)]] {
            let gauges = figures(parts)
            #expect(gauges[.budgetLimit] == [GaugeSample(["", "config", "b"], 100)])
            #expect(gauges[.budgetThreshold]?.count == 3)
            for family in [GaugeFamily.budgetSpent, .budgetThresholdReached, .budgetTopShare, .budgetExhaustion] {
                #expect(gauges[family] ?? [] == [], "\(family)")
            }
        }
    }

    @Test("a part that was computed before midnight is not known after it")
    func midnight() {
        let yesterday = BudgetPart(
            day: Self.now.day.advanced(by: -1), spent: ExactDecimal(5), recent: nil, unattributed: nil, spenders: [:])
        #expect(figures([part(spent: 5), yesterday])[.budgetSpent] == nil)
    }

    @Test("the owner of the rest has no cost of a model without a key, and a filter may name what is served")
    func filtersOfOwners() {
        let rest = Self.part(of: Self.separate, ownsKey: { $0 != "web" }) {
            ($0.owner, $0.model) = (NamePattern("rest"), NamePattern("*"))
        }
        Self.expect(rest, spent: 0, unattributed: 85)
        let whole = Self.part(of: Self.separate, ownsKey: { $0 != "web" }, isReportedByKey: false) {
            ($0.owner, $0.model) = (NamePattern("rest"), NamePattern("*"))
        }
        Self.expect(whole, spent: 80, unattributed: 5)
        var filter = BudgetFilter()
        filter.key = NamePattern("shown web")
        var share = BudgetShare(
            Budget(name: "b", limit: ExactDecimal(1), filter: filter), ownsKey: nil,
            shown: { ["shown " + $0, $1] })
        for (index, series) in Self.separate.enumerated() {
            share.take(
                Self.total(of: series, index), BudgetSums(spent: ExactDecimal(series.spent), recent: .zero))
        }
        #expect(share.part(on: Self.now.day, knowing: (true, true)).spent == ExactDecimal(40))
    }

    @Test("the three that spent most are named, over all accounts")
    func topShares() {
        let gauges = figures([
            part(spent: 60, spenders: ["a": 10, "b": 25, "c": 20, "d": 5]),
            part(spent: 40, spenders: ["a": 30, "e": 10]),
        ])
        #expect(
            gauges[.budgetTopShare] == [
                GaugeSample(["b", "", "a"], 0.4), GaugeSample(["b", "", "b"], 0.25), GaugeSample(["b", "", "c"], 0.2),
            ])
    }

    @Test("the time of exhaustion follows the pace of three days, and is absent past the reset or the limit")
    func exhaustion() throws {
        // 63 USD in two days and 15 hours: one an hour.
        let inFiveHours = figures(limit: 75, [part(spent: 70, recent: 63)])[.budgetExhaustion]
        #expect(inFiveHours?.map(\.value) == [(Self.now + .hours(5)).seconds])
        #expect(figures(limit: 400, [part(spent: 70, recent: 63)])[.budgetExhaustion] == nil)
        #expect(figures(limit: 75, period: .day, [part(spent: 60, recent: 63)])[.budgetExhaustion] == nil)
        #expect(figures(limit: 70, [part(spent: 70, recent: 63)])[.budgetExhaustion] == nil)
        #expect(figures(limit: 75, [part(spent: 70, recent: 0)])[.budgetExhaustion] == nil)
        #expect(figures(limit: 75, [part(spent: 70, recent: nil)])[.budgetExhaustion] == nil)
    }
}
