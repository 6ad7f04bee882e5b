import Testing
import UsageModel

@testable import ExporterCore

/// Tests of budget periods and thresholds.
@Suite struct BudgetPeriodTests {
    @Test(
        "periods are UTC days, weeks begin on Monday, and an anchored period repeats in both directions",
        arguments: [
            (BudgetPeriod.day, "2026-11-20", "2026-11-20", "2026-11-20"),
            (.week, "2026-11-20", "2026-11-16", "2026-11-22"), (.week, "2026-11-16", "2026-11-16", "2026-11-22"),
            (.week, "2026-11-22", "2026-11-16", "2026-11-22"), (.week, "2026-01-01", "2025-12-29", "2026-01-04"),
            (.month, "2026-11-30", "2026-11-01", "2026-11-30"), (.month, "2028-02-01", "2028-02-01", "2028-02-29"),
            (.month, "2026-12-31", "2026-12-01", "2026-12-31"),
        ])
    func calendar(period: BudgetPeriod, day: String, first: String, last: String) throws {
        let days = period.days(containing: try #require(UTCDay(day)))
        #expect("\(days.lowerBound)" == first)
        #expect("\(days.upperBound)" == last)
    }

    @Test(
        "an anchored period",
        arguments: [
            ("2026-11-01", "2026-11-01"), ("2026-11-14", "2026-11-01"), ("2026-11-15", "2026-11-15"),
            ("2026-10-31", "2026-10-18"), ("2026-10-18", "2026-10-18"), ("2026-10-17", "2026-10-04"),
        ])
    func anchored(day: String, first: String) throws {
        let period = BudgetPeriod.every(days: 14, from: try #require(UTCDay("2026-11-01")))
        let days = period.days(containing: try #require(UTCDay(day)))
        #expect("\(days.lowerBound)" == first)
        #expect(days.count == 14)
        #expect(days.contains(try #require(UTCDay(day))))
    }

    @Test(
        "thresholds are exact shares with at most two decimals",
        arguments: [
            ("80%", 8000, "80%"), ("100%", 10_000, "100%"), ("33.3%", 3330, "33.3%"), ("0.05%", 5, "0.05%"),
            ("12.50%", 1250, "12.5%"), ("250%", 25_000, "250%"),
        ])
    func thresholds(text: String, points: Int, shown: String) throws {
        let threshold = try #require(BudgetThreshold(text))
        #expect(threshold.basisPoints == points)
        #expect(threshold.text == shown)
    }

    @Test("texts that are no share", arguments: ["", "%", "80", "0%", "-5%", "33.333%", "NaN%", "1e9%", "80 %x"])
    func noThresholds(text: String) {
        #expect(BudgetThreshold(text) == nil)
    }

    @Test("a threshold is reached exactly at its share, where a quotient of doubles is below it")
    func exact() throws {
        let threshold = try #require(BudgetThreshold("80%"))
        let (spent, limit) = (try #require(ExactDecimal("0.08")), try #require(ExactDecimal("0.1")))
        #expect(threshold.isReached(spent, of: limit))
        #expect(spent.doubleValue / limit.doubleValue < 0.8)
        #expect(!threshold.isReached(spent - (try #require(ExactDecimal("0.000000000001"))), of: limit))
    }
}
