import Foundation
import TestSupport
import Testing
import UsageModel

@testable import Providers

@Suite struct RollingReconstructionTests {
    /// Simulated usage with bursts, busy and quiet hours, known exactly.
    private struct Truth {
        private(set) var times: [Int64] = []

        init(from start: Timestamp, days: Int, perHour: Int, random: SeededRandom) {
            for hour in 0..<(days * 24) {
                let busy = [0, 1, 1, 2, 6][random.int(0...4)]
                for _ in 0..<random.int(0...(busy * perHour)) {
                    times.append(start.milliseconds + Int64(hour) * 3_600_000 + Int64(random.int(1...3_599_999)))
                }
            }
            times.sort()
        }

        /// Returns the usage up to and including a time.
        func count(_ moment: Timestamp) -> Int {
            var (low, high) = (0, times.count)
            while low < high {
                let middle = (low + high) / 2
                if times[middle] <= moment.milliseconds { low = middle + 1 } else { high = middle }
            }
            return low
        }

        func used(after start: Timestamp, to end: Timestamp) -> Int { count(end) - count(start) }

        func windows(_ now: Timestamp) -> [RollingWindow: Int] {
            Dictionary(uniqueKeysWithValues: RollingWindow.allCases.map { ($0, used(after: now - $0.span, to: now)) })
        }
    }

    private static let began = CheapestInferenceBench.presence
    /// The first sync, after a month of usage.
    private static let first = began + .days(31)
    private static let base = first - .days(30)

    /// Runs syncs and checks the invariants at each. Returns the largest error and the largest gap's usage.
    private func run(
        _ truth: Truth, days: Int, step: (Int) -> Duration, sourceLocation: SourceLocation = #_sourceLocation,
        check: (RollingReconstruction, Timestamp, Int) -> Void = { _, _, _ in }
    ) throws -> (error: Int, gap: Int) {
        var reconstruction = RollingReconstruction()
        var (now, previous, index, worst, gap) = (Self.first, Self.first, 0, 0, 0)
        var count = 0
        while now < Self.first + .days(days) {
            reconstruction.observe(truth.windows(now), at: now, from: .init(milliseconds: .min))
            let known = truth.used(after: Self.base, to: now)
            let point = try #require(reconstruction.points.last)
            #expect(point.low <= known && known <= point.high, sourceLocation: sourceLocation)
            #expect(reconstruction.count >= count, sourceLocation: sourceLocation)
            count = reconstruction.count
            worst = max(worst, abs(count - known))
            gap = max(gap, truth.used(after: previous, to: now))
            check(reconstruction, now, known)
            previous = now
            now = now + step(index)
            index += 1
        }
        return (worst, gap)
    }

    @Test(arguments: [1, 2, 3])
    func hourlySyncsAreExact(seed: Int) throws {
        let truth = Truth(from: Self.began, days: 80, perHour: 40, random: SeededRandom(UInt64(seed)))
        #expect(try run(truth, days: 40) { _ in .hours(1) }.error == 0)
    }

    @Test(arguments: [30, 20, 12])
    func errorOfSyncsThatDivideTheHourIsBoundedByTheFirstHour(minutes: Int) throws {
        let truth = Truth(from: Self.began, days: 45, perHour: 40, random: SeededRandom(UInt64(minutes)))
        let hour = truth.used(after: Self.first - .hours(1), to: Self.first + .hours(1))
        let error = try run(truth, days: 12, step: { _ in .minutes(minutes) }) { reconstruction, now, known in
            // At whole hours after the first sync, nothing is estimated.
            let isWhole = (now - Self.first).wholeMilliseconds % 3_600_000 == 0
            if isWhole { #expect(reconstruction.points.last?.value == known) }
        }.error
        #expect(error <= hour)
    }

    @Test(arguments: [5, 20, 73, 160])
    func alignedSyncsAfterAGapAreExactAgain(hours: Int) throws {
        let truth = Truth(from: Self.began, days: 60, perHour: 40, random: SeededRandom(UInt64(hours)))
        // By then the window that covers the gap starts at points of this reconstruction.
        let error = try run(truth, days: 25) { $0 == 24 * 8 ? .hours(hours) : .hours(1) }.error
        #expect(error == 0)
    }

    @Test(arguments: [1, 2, 3, 4])
    func errorOfIrregularSyncsIsBelowTheUsageBetweenTwoSyncs(seed: Int) throws {
        let random = SeededRandom(UInt64(seed))
        let truth = Truth(from: Self.began, days: 125, perHour: 30, random: random)
        var firstMonth = 0
        var lastMonth = 0
        let (error, gap) = try run(
            truth, days: 90,
            step: { _ in random.int(0...60) == 0 ? .hours(random.int(2...30)) : .seconds(random.int(3605...3960)) },
            check: { reconstruction, now, known in
                let error = abs(reconstruction.count - known)
                if now < Self.first + .days(30) { firstMonth = max(firstMonth, error) }
                if now > Self.first + .days(60) { lastMonth = max(lastMonth, error) }
            })
        #expect(error <= gap)
        // With a drift, the error would be three times as large after three times the time.
        #expect(lastMonth <= firstMonth + gap / 4)
    }

    @Test func intervalsSlightlyAboveAnHourAreAlmostExactOver90Days() throws {
        let truth = Truth(from: Self.began, days: 125, perHour: 200, random: SeededRandom(5))
        let (error, gap) = try run(truth, days: 90) { _ in .seconds(3605) }
        #expect(error * 100 <= gap)
    }

    @Test func usagePostedLateIsCountedOnceALongerWindowShowsIt() {
        var reconstruction = RollingReconstruction()
        var now = Self.first
        var late = 0
        for hour in 0...60 {
            // Ten requests an hour; at hour 40 three more appear that were made three hours earlier.
            if hour == 40 { late = 3 }
            var windows: [RollingWindow: Int] = [:]
            for window in RollingWindow.allCases {
                let hours = Int(window.span.inSeconds) / 3600
                windows[window] = hours * 10 + (hour - 37 < hours ? late : 0)
            }
            reconstruction.observe(windows, at: now, from: .init(milliseconds: .min))
            #expect(reconstruction.count == 7200 + hour * 10 + late)
            now = now + .hours(1)
        }
    }

    @Test func revertedUsageDoesNotLowerTheCounter() {
        var reconstruction = RollingReconstruction()
        reconstruction.observe([.lastHour: 10, .lastDay: 100], at: Self.first, from: .init(milliseconds: .min))
        let later = Self.first + .hours(1)
        reconstruction.observe([.lastHour: 0, .lastDay: 50], at: later, from: .init(milliseconds: .min))
        #expect(reconstruction.count == 100)
    }

    @Test func gapLongerThanEveryWindowLosesOnlyTheUncoveredUsage() {
        var reconstruction = RollingReconstruction()
        let windows = [RollingWindow.lastHour: 1, .lastDay: 24, .lastWeek: 168, .lastMonth: 720]
        reconstruction.observe(windows, at: Self.first, from: .init(milliseconds: .min))
        reconstruction.observe(windows, at: Self.first + .days(50), from: .init(milliseconds: .min))
        #expect(reconstruction.count == 1440)
    }

    @Test func clockSetBackLosesNothingAndCountsNothingTwice() throws {
        let truth = Truth(from: Self.began, days: 45, perHour: 20, random: SeededRandom(9))
        var reconstruction = RollingReconstruction()
        for hour in [0, 1, 2, 3, 4, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6] {
            let now = Self.first + .hours(hour)
            reconstruction.observe(truth.windows(now), at: now, from: .init(milliseconds: .min))
        }
        #expect(reconstruction.count == truth.used(after: Self.base, to: Self.first + .hours(6)))
    }

    @Test func absurdCountsAreIgnoredAndDoNotTrap() {
        var reconstruction = RollingReconstruction()
        var now = Self.first
        for number in [0, .max, -1, .min, RollingReconstruction.largest, 5, RollingReconstruction.largest] {
            let windows = Dictionary(uniqueKeysWithValues: RollingWindow.allCases.map { ($0, number) })
            reconstruction.observe(windows, at: now, from: .init(milliseconds: .min))
            now = now + .minutes(100)
        }
        #expect(reconstruction.count == RollingReconstruction.largest)
    }

    @Test func monthOfPointsIsStoredCompactlyAndDecodesEqual() throws {
        let random = SeededRandom(3)
        let truth = Truth(from: Self.began, days: 80, perHour: 30, random: random)
        var reconstruction = RollingReconstruction()
        var now = Self.first
        for _ in 0..<2000 {
            reconstruction.observe(truth.windows(now), at: now, from: .init(milliseconds: .min))
            now = now + .seconds(random.int(900...3000))
        }
        #expect(reconstruction.points.count < 1000)
        let text = try RememberedJSON.text(of: reconstruction)
        #expect(text.utf8.count < 30_000)
        #expect(try JSONDecoder().decode(RollingReconstruction.self, from: Data(text.utf8)) == reconstruction)
    }

    /// Reads at full hours except two a day, some seconds late, from a provider that may cache responses for minutes.
    @Test(arguments: [0, 600], ["cron", "even"])
    func yearOfHourlySyncsDoesNotDrift(cached: Int, traffic: String) throws {
        let random = SeededRandom(UInt64(cached + 3))
        /// Returns the requests up to a time, in seconds since the start.
        func count(_ seconds: Int) -> Int {
            let (hours, rest) = seconds.quotientAndRemainder(dividingBy: 3600)
            return traffic == "cron" ? hours * 30 + (rest >= 2 ? 30 : rest * 15) : seconds / 60
        }
        var reconstruction = RollingReconstruction()
        let month = 30 * 24
        var highest = 0
        for hour in month..<(month + 365 * 24) where hour % 12 != 6 || hour == month {
            let now = hour * 3600 + 5 + random.int(0...2)
            let seen = now - random.int(0...cached)
            let windows = Dictionary(
                uniqueKeysWithValues: RollingWindow.allCases.map { window in
                    (window, count(seen) - count(max(0, seen - Int(window.span.inSeconds))))
                })
            let time = Timestamp(seconds: Int64(now))
            reconstruction.observe(windows, at: time, from: .init(milliseconds: .min))
            #expect(reconstruction.count >= highest)
            highest = reconstruction.count
            let error = reconstruction.count - (count(now) - count(month * 3600 + 5 - month * 3600))
            // Ten minutes of caching hide one burst of 30, or ten requests; a year repeats that twelve times.
            let bound = cached == 0 ? 60 : 30 * 15
            #expect(abs(error) <= bound, "hour \(hour): \(error)")
            if abs(error) > bound { return }
        }
    }
}
