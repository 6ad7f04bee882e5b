import Testing
import UsageModel

@testable import Upstream

@Suite struct RequestPaceTests {
    private let start = Timestamp(seconds: 1_795_186_800)

    /// Reserves a slot at each of the given seconds and returns the seconds at which the requests are sent.
    private func sent(_ pace: inout RequestPace, wanted: [Int]) -> [Double] {
        wanted.map { second in
            let now = start + .seconds(second)
            return (now + pace.reserve(now: now) - start).inSeconds
        }
    }

    @Test("requests are sent at once until the limit is reached") func burst() {
        var pace = RequestPace(perMinute: 3)
        #expect(sent(&pace, wanted: [0, 1, 2, 3, 3, 70]) == [0, 1, 2, 60, 61, 70])
    }

    @Test("no minute contains more requests than the limit") func limit() {
        var pace = RequestPace(perMinute: 7)
        var now = start
        var times: [Timestamp] = []
        for step in 0..<200 {
            now = now + pace.reserve(now: now)
            times.append(now)
            now = now + .milliseconds(step * 37 % 400)
        }
        for (index, time) in times.enumerated().dropFirst(7) {
            #expect(time - times[index - 7] >= .seconds(60))
        }
    }

    @Test("a limit reported by the API is adopted") func reportedLimit() {
        var pace = RequestPace(perMinute: 50)
        pace.learn(from: ["X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "599"], now: start)
        #expect(pace.perMinute == 500)
        pace.learn(from: ["X-RateLimit-Limit": "1"], now: start)
        #expect(pace.perMinute == 1)
        for nonsense in ["0", "-5", "many", "99999999999999999999"] {
            pace.learn(from: ["X-RateLimit-Limit": nonsense], now: start)
            #expect(pace.perMinute == 1)
        }
    }

    @Test("without remaining requests upstream, the next one waits") func noneRemaining() {
        var pace = RequestPace(perMinute: 50)
        pace.learn(from: ["X-RateLimit-Remaining": "0"], now: start)
        #expect(sent(&pace, wanted: [1]) == [60])
        pace.learn(from: ["X-RateLimit-Remaining": "12"], now: start + .seconds(60))
        #expect(sent(&pace, wanted: [61]) == [61])
    }

    @Test("a clock that is set back does not delay requests") func clockSetBack() {
        var pace = RequestPace(perMinute: 2)
        _ = sent(&pace, wanted: [3600, 3601])
        #expect(sent(&pace, wanted: [0]) == [0])
    }
}
