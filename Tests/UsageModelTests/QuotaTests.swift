import TestSupport
import Testing
import UsageModel

@Suite struct QuotaTests {
    private let quota = Quota(limit: 12, per: .hours(12))
    private let noon = Timestamp(seconds: 1_795_176_000)

    /// Requests at the given numbers of hours before noon.
    private func book(_ hours: [Int]) -> [Timestamp] { hours.map { noon - .hours($0) } }

    @Test("half of the quota is granted at once, the rest evenly") func pacing() {
        #expect(quota.decision(book: [], now: noon) == .granted)
        #expect(quota.decision(book: book([0, 0, 0, 0, 0]), now: noon) == .granted)
        // Slightly less than the pace, because a request is sent some seconds after its tick.
        #expect(
            quota.decision(book: book([0, 0, 0, 0, 0, 0]), now: noon)
                == .refused(until: noon + .hours(1) - .seconds(10)))
        #expect(quota.decision(book: book([6, 5, 4, 3, 2, 1]), now: noon) == .granted)
    }

    @Test("a request beyond the limit waits until the first one leaves the span") func exhausted() {
        #expect(quota.decision(book: book(Array(0...11)), now: noon) == .refused(until: noon + .hours(1)))
        #expect(quota.decision(book: book(Array(1...12)), now: noon) == .granted)
        let early = Array(repeating: noon - .hours(11), count: 12)
        #expect(quota.decision(book: early, now: noon) == .refused(until: noon + .hours(1)))
    }

    @Test("the state reports the remaining requests and the reset time") func state() {
        #expect(quota.state(book: [], now: noon) == QuotaState(limit: 12, remaining: 12, reset: nil))
        #expect(
            quota.state(book: book([14, 3, 1]), now: noon)
                == QuotaState(limit: 12, remaining: 10, reset: noon + .hours(9)))
    }

    @Test("the next scheduled request is shortly after the pace") func nextRegular() {
        #expect(quota.nextRegular(book: [], now: noon) == nil)
        #expect(quota.nextRegular(book: book([0]), now: noon) == noon + .hours(1) + Quota.margin)
    }

    @Test("requests are scheduled at every full hour except two a day") func schedule() throws {
        var book = [noon - .minutes(130)]
        var ticks: [Timestamp] = []
        for _ in 0..<24 {
            let last = try #require(book.last)
            let next = try #require(quota.nextRegular(book: book, now: last + .seconds(3)))
            // Each request is sent some seconds after its tick.
            let sent = next + .seconds(Int(ticks.count % 4))
            #expect(quota.decision(book: book, now: sent) == .granted)
            ticks.append(next - Quota.margin)
            book.append(sent)
        }
        #expect(ticks.allSatisfy { $0 == $0.startOfHour })
        let hours = ticks.map { ($0 - $0.day.start).wholeMilliseconds / 3_600_000 }
        #expect(Set(hours) == Set((0..<24).filter { $0 != 6 && $0 != 18 }.map(Int64.init)))
        for tick in ticks { #expect(book.count { $0 > tick - quota.span && $0 <= tick + .seconds(10) } <= 12) }
    }

    @Test("no span contains more requests than the limit") func limit() {
        for seed in 1...20 {
            let random = SeededRandom(UInt64(seed))
            let quota = Quota(limit: random.int(1...12), per: .hours(random.int(1...12)))
            var now = noon
            var book: [Timestamp] = []
            for _ in 0..<3000 {
                now = now + .seconds(random.int(0...900))
                switch quota.decision(book: book, now: now) {
                case .granted: book.append(now)
                case .refused(let until): #expect(until > now)
                }
                let inSpan = book.suffix(20).count { $0 > now - quota.span }
                #expect(inSpan <= quota.limit)
            }
            #expect(book.count > 20)
        }
    }
}
