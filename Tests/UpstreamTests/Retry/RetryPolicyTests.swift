import Testing
import UsageModel

@testable import Upstream

@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy()
    private let now = Timestamp(seconds: 1_763_640_000)

    private func decision(
        retries: Int = 0, _ outcome: RetryPolicy.Outcome = .noAnswer, waited: Duration = .zero, unit: Double = 0.5
    ) -> RetryPolicy.Decision {
        policy.decision(retries: retries, outcome: outcome, waited: waited, now: now, randomUnit: unit)
    }

    @Test(
        "The backoff doubles from 0.5 s to 30 s",
        arguments: [
            (0, 500), (1, 1000), (2, 2000), (3, 4000), (4, 8000), (5, 16_000), (6, 30_000), (7, 30_000), (200, 30_000),
        ])
    func backoffTable(retries: Int, milliseconds: Int) {
        #expect(policy.backoff(retries: retries) == .milliseconds(milliseconds))
    }

    @Test("The wait is the random share of the backoff", arguments: [(0.0, 0), (0.25, 125), (0.5, 250)])
    func jitter(unit: Double, milliseconds: Int) {
        #expect(decision(unit: unit) == .retry(after: .milliseconds(milliseconds)))
    }

    @Test("Only transient statuses are retried", arguments: 300...599)
    func statuses(status: Int) {
        let isRetried = decision(.status(status, retryAfter: nil)) != .giveUp
        #expect(isRetried == [408, 429, 500, 502, 503, 504].contains(status))
    }

    @Test("A missing response is retried until the retries are used up", arguments: 0...5)
    func retryCount(retries: Int) {
        #expect((decision(retries: retries) == .giveUp) == (retries >= 4))
    }

    @Test("A conclusive outcome is never retried")
    func conclusive() {
        #expect(decision(.conclusive) == .giveUp)
    }

    @Test("Retry-After is a minimum of the wait")
    func retryAfterIsMinimum() {
        #expect(decision(.status(429, retryAfter: .delay(.seconds(7)))) == .retry(after: .seconds(7)))
        #expect(decision(.status(429, retryAfter: .date(now + .seconds(9)))) == .retry(after: .seconds(9)))
        #expect(
            decision(retries: 3, .status(503, retryAfter: .delay(.seconds(1)))) == .retry(after: .seconds(2)))
        #expect(
            decision(.status(503, retryAfter: .date(now - .seconds(9)))) == .retry(after: .milliseconds(250)))
    }

    @Test("The call waits for a Retry-After of 10 seconds, and fails for a longer one")
    func longRetryAfter() {
        #expect(decision(.status(429, retryAfter: .delay(.seconds(10)))) == .retry(after: .seconds(10)))
        #expect(decision(.status(429, retryAfter: .delay(.seconds(11)))) == .giveUp)
        #expect(decision(.status(503, retryAfter: .date(now + .hours(1)))) == .giveUp)
    }

    @Test("A final status is not retried, even with Retry-After")
    func retryAfterOnFinalStatus() {
        #expect(decision(.status(403, retryAfter: .delay(.seconds(1)))) == .giveUp)
    }

    @Test("The sum of the waits is at most two minutes")
    func waitBudget() {
        let wanted = RetryPolicy.Outcome.status(429, retryAfter: .delay(.seconds(10)))
        #expect(decision(retries: 1, wanted, waited: .seconds(110)) == .retry(after: .seconds(10)))
        #expect(decision(retries: 2, wanted, waited: .seconds(111)) == .giveUp)
        #expect(decision(waited: .seconds(119.9)) == .giveUp)
    }

    @Test("Every call ends within its retries and its wait budget")
    func alwaysEnds() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var retries = 0
            var waited = Duration.zero
            while case .retry(let wait) = decision(
                retries: retries,
                .status(429, retryAfter: .delay(.seconds(Int.random(in: 0...12, using: &generator)))),
                waited: waited, unit: Double.random(in: 0..<1, using: &generator))
            {
                #expect(wait >= .zero)
                retries += 1
                waited += wait
            }
            #expect(retries <= 4)
            #expect(waited <= .minutes(2))
        }
    }
}
