import Testing
import UsageModel

@testable import ExporterCore

@Suite struct SyncScheduleTests {
    private let schedule = SyncSchedule(wanted: .minutes(5), floor: .seconds(60), isOwn: false)

    private func delay(
        _ failure: FailureReason?, _ row: Int = 1, isLasting: Bool? = nil, retryAfter: Duration? = nil
    ) -> Duration {
        // The middle of the jitter: exactly the base.
        schedule.delay(
            after: failure, isLasting: isLasting ?? failure?.isLasting ?? false, failuresInRow: row,
            retryAfter: retryAfter, unit: 0.5)
    }

    @Test("a success is followed by the interval with 10% jitter")
    func success() {
        for unit in stride(from: 0.0, to: 1, by: 0.1) {
            let delay = schedule.delay(after: nil, isLasting: false, failuresInRow: 0, retryAfter: nil, unit: unit)
            #expect(delay >= .seconds(270) && delay <= .seconds(330))
        }
    }

    @Test(
        "a transient failure is retried sooner than the interval",
        arguments: [(1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (50, 300)])
    func transientFailure(row: Int, seconds: Int) {
        #expect(delay(.network, row) == .seconds(seconds))
        #expect(delay(.timeout, row) == .seconds(seconds))
        #expect(delay(.http5xx, row) == .seconds(seconds))
    }

    @Test(
        "a lasting failure is retried with increasing delay",
        arguments: [(1, 300), (2, 600), (3, 1200), (4, 2400), (5, 3600), (50, 3600)])
    func lastingFailure(row: Int, seconds: Int) {
        #expect(delay(.auth, row) == .seconds(seconds))
        #expect(delay(.gone, row) == .seconds(seconds))
        #expect(delay(.http4xx, row) == .seconds(seconds))
    }

    @Test("a transient rejection is retried at the normal interval", arguments: [1, 2, 5, 50])
    func transientRejection(row: Int) {
        #expect(delay(.http4xx, row, isLasting: false) == .minutes(5))
    }

    @Test("transient and lasting failures are counted separately")
    func failureCounts() {
        var status = SyncStatus()
        for _ in 0..<20 { status.count(failureIsLasting: FailureReason.http5xx.isLasting) }
        #expect(status.failuresInRow == 20)
        status.count(failureIsLasting: FailureReason.auth.isLasting)
        #expect(status.failuresInRow == 1)
        status.count(failureIsLasting: FailureReason.gone.isLasting)
        #expect(status.failuresInRow == 2)
        status.count(failureIsLasting: FailureReason.network.isLasting)
        #expect(status.failuresInRow == 1)
        status.count(failureIsLasting: nil)
        #expect(status.failuresInRow == 0)
        status.count(failureIsLasting: FailureReason.timeout.isLasting)
        #expect(status.failuresInRow == 1)
    }

    @Test("the provider's Retry-After is honoured")
    func retryAfter() {
        #expect(delay(.rateLimited, retryAfter: .seconds(900)) == .seconds(900))
        #expect(delay(.rateLimited, retryAfter: .seconds(1)) == .seconds(300))
        // A date in the far future is a mistake and is capped.
        #expect(delay(.rateLimited, retryAfter: .seconds(31_536_000)) == .seconds(6 * 3600))
    }

    @Test("the minimum interval holds unless the account sets a shorter one")
    func minimum() {
        #expect(SyncSchedule(wanted: .seconds(10), floor: .seconds(60), isOwn: false).interval == .seconds(60))
        #expect(SyncSchedule(wanted: .seconds(10), floor: .seconds(60), isOwn: true).interval == .seconds(10))
    }
}
