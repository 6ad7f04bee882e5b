import Testing
import UsageLedger
import UsageModel

@Suite("The re-read schedule")
struct RereadScheduleTests {
    private let schedule = RereadSchedule(Slicing(unit: .hour))
    /// Returns the slice of an hour, counted from the first.
    private func hour(_ number: Int) -> SliceID {
        SliceID(period: Period(start: .start + .hours(number), end: .start + .hours(number + 1)))
    }

    private func read(_ number: Int, at time: Timestamp, folded: Bool = false) -> SliceState {
        SliceState(slice: hour(number), lastRead: time, isFolded: folded)
    }

    /// Minutes after the slice's end.
    struct Case: CustomTestStringConvertible {
        let lastRead: Int?
        let now: Int
        let isDue: Bool
        let settles: Bool
        var testDescription: String { "read at \(lastRead.map(String.init) ?? "never"), now \(now)" }
    }

    @Test(
        "a slice is due once after each offset",
        arguments: [
            Case(lastRead: nil, now: -61, isDue: false, settles: false),
            Case(lastRead: nil, now: -60, isDue: true, settles: false),
            Case(lastRead: -5, now: -1, isDue: true, settles: false),
            Case(lastRead: -1, now: 0, isDue: true, settles: false),
            Case(lastRead: -1, now: 19, isDue: true, settles: false),
            Case(lastRead: 0, now: 19, isDue: false, settles: false),
            Case(lastRead: 0, now: 20, isDue: true, settles: false),
            Case(lastRead: 20, now: 59, isDue: false, settles: false),
            Case(lastRead: 20, now: 60, isDue: true, settles: false),
            Case(lastRead: 0, now: 59, isDue: true, settles: false),
            Case(lastRead: 60, now: 359, isDue: false, settles: false),
            Case(lastRead: 359, now: 360, isDue: true, settles: false),
            Case(lastRead: 360, now: 1439, isDue: false, settles: false),
            Case(lastRead: 360, now: 1440, isDue: true, settles: false),
            Case(lastRead: 1440, now: 4319, isDue: false, settles: false),
            Case(lastRead: 1440, now: 4320, isDue: true, settles: true),
            Case(lastRead: 4320, now: 90_000, isDue: false, settles: true),
            Case(lastRead: nil, now: 90_000, isDue: true, settles: true),
            Case(lastRead: -1, now: 90_000, isDue: true, settles: true),
            // The clock was set back by a day after the reading.
            Case(lastRead: 1500, now: 60, isDue: true, settles: false),
        ])
    func offsets(_ example: Case) {
        let slice = hour(0)
        let now = slice.period.end + .minutes(example.now)
        let lastRead = example.lastRead.map { slice.period.end + .minutes($0) }
        #expect(schedule.isDue(slice: slice, lastRead: lastRead, now: now) == example.isDue)
        #expect(schedule.settles(slice: slice, readAt: now) == example.settles)
    }

    @Test(
        "a slice that the provider revises after its month is due once a day until then, and settles then",
        arguments: [
            ("2026-01-10T00:00:00Z", "2026-01-12T23:59:00Z", true),  // +72 h, of every slice
            ("2026-01-13T00:00:00Z", "2026-01-13T23:59:00Z", false),
            ("2026-01-13T00:10:00Z", "2026-01-14T00:00:00Z", true),
            ("2026-01-14T00:00:00Z", "2026-01-16T05:00:00Z", true),
            ("2026-01-16T05:00:00Z", "2026-01-16T23:59:00Z", false),
            ("2026-02-07T00:00:00Z", "2026-02-08T09:00:00Z", true),
            ("2026-02-08T00:00:00Z", "2026-02-08T23:59:00Z", false),
            ("2026-02-08T00:00:00Z", "2026-02-09T00:00:00Z", true),
            ("2026-02-09T00:00:00Z", "2026-09-09T00:00:00Z", false),
        ])
    func revisions(lastRead: String, now: String, isDue: Bool) throws {
        let schedule = RereadSchedule(Slicing(unit: .day, revisedAfterMonth: .days(8)))
        let slice = SliceID(period: try #require(UTCDay("2026-01-09")).period)
        let lastRead = try #require(Timestamp(lastRead))
        let now = try #require(Timestamp(now))
        #expect(schedule.isDue(slice: slice, lastRead: lastRead, now: now) == isDue)
        let revisionsEnd = try #require(Timestamp("2026-02-09T00:00:00Z"))
        #expect(schedule.settles(slice: slice, readAt: now) == (now >= revisionsEnd))
        #expect(schedule.shortestKept == .days(40))
    }

    @Test("a first sync reads all slices since the ledger's start, the open one first, then newest first")
    func first() {
        let due = SlicePlan(states: [], slicing: Slicing(unit: .day), ledgerStart: .start, now: .noon + .days(3)).due()
        #expect(due.map(\.slice) == [.day(3), .day(2), .day(1), .day(0)])
        #expect(due.map(\.settles) == [false, false, false, false])
        #expect(due.allSatisfy { $0.lastRead == nil })
    }

    @Test("read, folded and missing slices are distinguished")
    func mixed() {
        let now = Timestamp.start + .hours(80)
        var states = (0..<80).map { read($0, at: .start + .hours($0 + 1) + .hours(72), folded: true) }
        states[3] = read(3, at: .start + .hours(5))
        states[79] = read(79, at: now)
        states.remove(at: 40)
        states.append(SliceState(slice: SliceID(scope: "key", period: hour(40).period), lastRead: now, isFolded: true))
        let due = SlicePlan(states: states.shuffled(), slicing: Slicing(unit: .hour), ledgerStart: .start, now: now)
            .due()
        #expect(
            due == [
                DueSlice(slice: hour(80), lastRead: nil, settles: false),
                DueSlice(slice: hour(40), lastRead: nil, settles: false),
                DueSlice(slice: hour(3), lastRead: .start + .hours(5), settles: true),
            ])
    }

    @Test("a slice that the provider keeps only in part is never due")
    func kept() {
        let now = Timestamp.noon + .days(10)
        let states = [SliceState(slice: .day(7), lastRead: .noon + .days(7), isFolded: false)]
        func days(_ kept: Duration) -> [SliceID] {
            SlicePlan(states: states, slicing: Slicing(unit: .day, kept: kept), ledgerStart: .start, now: now).due()
                .map(\.slice)
        }
        #expect(days(.days(2)) == [.day(10), .day(9)])
        #expect(days(.days(3)) == [.day(10), .day(9), .day(8)])
        #expect(days(.days(3) + .hours(12)) == [.day(10), .day(9), .day(8), .day(7)])
        #expect(days(.days(400)).count == 11)
    }

    @Test("a slice that contains the ledger's start is due")
    func unaligned() {
        let start = Timestamp.start + .minutes(90)
        let due = SlicePlan(
            states: [], slicing: Slicing(unit: .hour), ledgerStart: start, now: .start + .minutes(150)
        ).due()
        #expect(due.map(\.slice) == [hour(2), hour(1)])
        #expect(
            SlicePlan(states: [], slicing: Slicing(unit: .hour), ledgerStart: start, now: .noon).dataThrough == start)
    }

    @Test("no slice is due before the ledger's start")
    func beforeStart() {
        let slicing = Slicing(unit: .hour)
        #expect(SlicePlan(states: [], slicing: slicing, ledgerStart: .noon, now: .start).due().isEmpty)
        #expect(SlicePlan(states: [], slicing: slicing, ledgerStart: .noon, now: .start).dataThrough == .noon)
    }

    @Test("after the clock was set back by a day, slices read in the future are read again")
    func clockSetBack() {
        let states = (0..<30).map { read($0, at: .start + .hours($0 + 2)) }
        let now = Timestamp.start + .hours(6)
        let due = SlicePlan(states: states, slicing: Slicing(unit: .hour), ledgerStart: .start, now: now).due()
        #expect(due.map(\.slice) == [hour(6), hour(5)])
        let through = SlicePlan(states: states, slicing: Slicing(unit: .hour), ledgerStart: .start, now: now)
            .dataThrough
        // The time of the last hour's reading is unknown.
        #expect(through == .start + .hours(5))
    }

    @Test("data are complete up to the first gap, or to the last reading of the first slice read while open")
    func dataThrough() {
        let now = Timestamp.start + .hours(5) + .minutes(30)
        func through(_ states: [SliceState], kept: Duration? = nil) -> Timestamp {
            SlicePlan(states: states, slicing: Slicing(unit: .hour, kept: kept), ledgerStart: .start, now: now)
                .dataThrough
        }
        let closed = (0..<5).map { read($0, at: .start + .hours($0 + 1) + .minutes(20)) }
        let early = read(2, at: .start + .hours(2) + .minutes(40))
        #expect(through([]) == .start)
        #expect(through(closed) == .start + .hours(5))
        #expect(through(closed + [read(5, at: now - .minutes(3))]) == now - .minutes(3))
        #expect(through(Array(closed[..<2]) + Array(closed[3...])) == .start + .hours(2))
        #expect(through(Array(closed[..<2]) + [early] + Array(closed[3...])) == .start + .hours(2) + .minutes(40))
        // Slices that the provider no longer keeps will never be more complete.
        #expect(through(Array(closed[3...]), kept: .hours(3)) == .start + .hours(5))
        #expect(through(Array(closed[3...]), kept: .hours(4)) == .start + .hours(2))
        #expect(through([early] + Array(closed[3...]), kept: .hours(3)) == .start + .hours(5))
    }

    @Test("a slice is read six times after it closed, and can be read again after that")
    func walksThrough() {
        var states: [SliceID: SliceState] = [:]
        var readings: [SliceID: Int] = [:]
        let end = Timestamp.start + .hours(90)
        func plan(_ now: Timestamp) -> SlicePlan {
            SlicePlan(states: Array(states.values), slicing: Slicing(unit: .hour), ledgerStart: .start, now: now)
        }
        for minutes in stride(from: 0, through: 60 * 90, by: 10) {
            let now = Timestamp.start + .minutes(minutes)
            for next in plan(now).due() {
                if next.slice.period.end <= now { readings[next.slice, default: 0] += 1 }
                states[next.slice] = SliceState(slice: next.slice, lastRead: now, isFolded: false)
            }
        }
        #expect((0..<17).allSatisfy { readings[hour($0)] == 6 })
        let reopenable = plan(end).reopenable
        #expect(reopenable.first { $0.slice == hour(3) }?.settles == true)
        #expect(Set(reopenable.map(\.slice)).isSuperset(of: (0..<17).map { hour($0) }))
        #expect(!reopenable.contains { $0.slice == hour(90) })
    }

    @Test("days that an operator requests are due, settled or not, unless they are folded")
    func requested() {
        let now = Timestamp.noon + .days(30)
        var states = (0..<30).map { day in
            SliceState(slice: .day(day), lastRead: .noon + .days(day + 5), isFolded: day < 10)
        }
        states.append(SliceState(slice: .day(30), lastRead: now, isFolded: false))
        let plan = SlicePlan(states: states, slicing: Slicing(unit: .day), ledgerStart: .start, now: now)
        let days = UTCDay.first.advanced(by: 8)...UTCDay.first.advanced(by: 12)
        #expect(plan.due(only: days).map(\.slice) == [.day(12), .day(11), .day(10)])
        #expect(plan.due(requested: days).map(\.slice) == plan.due().map(\.slice) + [.day(12), .day(11), .day(10)])
    }

    @Test("a reading dated by a clock days ahead does not settle a slice once the clock is correct")
    func clockAhead() {
        let ahead = Timestamp.noon + .days(5)
        let states = (0...5).map { SliceState(slice: .day($0), lastRead: ahead, isFolded: false) }
        for hours in stride(from: 12, to: 24 * 5, by: 6) {
            let now = Timestamp.start + .hours(hours)
            let due = SlicePlan(states: states, slicing: Slicing(unit: .day), ledgerStart: .start, now: now).due()
            #expect(Set(due.map(\.slice)) == Set((0...(hours / 24)).map { SliceID.day($0) }))
        }
    }

    @Test("coverage has a gap for a day that could not be read, and no window that includes it is complete")
    func coverage() {
        let now = Timestamp.noon + .days(20)
        let states = (0...20).filter { $0 != 7 }.map { day in
            SliceState(slice: .day(day), lastRead: min(now, .start + .days(day + 2)), isFolded: false)
        }
        let coverage = SlicePlan(states: states, slicing: Slicing(unit: .day), ledgerStart: .start, now: now).coverage
        let today = now.day
        func covers(_ first: Int, _ last: Int) -> Bool {
            coverage.covers(UTCDay.first.advanced(by: first)...UTCDay.first.advanced(by: last), on: today)
        }
        #expect(covers(0, 6))
        #expect(!covers(0, 7))
        #expect(covers(8, 20))
        #expect(!covers(7, 20))
        #expect(covers(20, 20))
        #expect(covers(19, 19))
    }
}
