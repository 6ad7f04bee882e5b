import Testing
import UsageModel

@testable import ExporterCore

@Suite struct CounterHistoryTests {
    private let first = Timestamp(milliseconds: 1_794_960_000_000).day
    /// 06:00 on the fourth day.
    private var now: Timestamp { first.advanced(by: 3).start + .hours(6) }

    private func history(
        counter: ExactDecimal, _ amounts: [(Int, ExactDecimal)], isWhole: Bool = false
    ) -> CounterHistory {
        CounterHistory(
            counter: counter, days: amounts.map { (first.advanced(by: $0.0), $0.1) }, isWhole: isWhole, now: now)
    }

    private func values(_ history: CounterHistory, hours: [Int]) -> [Double] {
        history.values(at: hours.map { first.start + .hours($0) })
    }

    @Test("each day adds its sum, and the last value is the current one")
    func dailySums() {
        let history = history(
            counter: ExactDecimal(17), [(0, ExactDecimal(10)), (2, ExactDecimal(4)), (3, ExactDecimal(3))])
        #expect(history.firstDay == first)
        #expect(
            values(history, hours: [-1, 0, 12, 24, 47, 48, 54, 72, 75, 78]) == [0, 0, 5, 10, 10, 10, 11, 14, 15.5, 17])
    }

    @Test("usage beyond the known days is added before the first day")
    func unknownDays() {
        // 20 was counted, but the known days sum to 12.
        let history = history(counter: ExactDecimal(20), [(0, ExactDecimal(8)), (1, ExactDecimal(4))])
        #expect(values(history, hours: [0, 24, 48, 72]) == [8, 16, 20, 20])
    }

    @Test("values never decrease despite negative days")
    func negativeDays() {
        let history = history(
            counter: ExactDecimal(9), [(0, ExactDecimal(9)), (1, ExactDecimal(-4)), (2, ExactDecimal(3))])
        let values = values(history, hours: Array(0...78))
        #expect(zip(values, values.dropFirst()).allSatisfy(<=))
        #expect(values.last == 9)
        #expect(values.first == 0)
    }

    @Test("integer counters have integer values")
    func integers() {
        let values = values(
            history(counter: ExactDecimal(7), [(0, ExactDecimal(7))], isWhole: true), hours: Array(0...24))
        #expect(values.allSatisfy { $0 == $0.rounded() })
        #expect(values[12] == 3)
        #expect(values.last == 7)
    }

    @Test("amounts of the same day are summed")
    func sameDay() {
        let history = history(
            counter: ExactDecimal(5), [(1, ExactDecimal(2)), (0, ExactDecimal(2)), (1, ExactDecimal(1))])
        #expect(values(history, hours: [0, 24, 36, 48]) == [0, 2, 3.5, 5])
    }

    @Test("a counter without known days is constant")
    func noDays() {
        #expect(values(history(counter: ExactDecimal(3), []), hours: [0, 24]) == [3, 3])
    }

    @Test("timestamps are half hours up to three hours ago")
    func timestamps() {
        let all = BackfillSpan(from: nil, to: nil, now: now).moments(from: first.advanced(by: 3))
        #expect(all.map { ($0 - first.advanced(by: 3).start).inSeconds } == [0, 1800, 3600, 5400, 7200, 9000, 10_800])
        let day = BackfillSpan(from: first.advanced(by: 1), to: first.advanced(by: 1), now: now).moments(from: first)
        #expect(day.count == 49)
        #expect(day.first == first.advanced(by: 1).start)
        #expect(day.last == first.advanced(by: 2).start)
        #expect(BackfillSpan(from: first.advanced(by: 3), to: first, now: now).moments(from: first).isEmpty)
    }
}
