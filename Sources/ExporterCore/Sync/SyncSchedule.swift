import UsageModel

/// When a source is synced next: a pure value that is asked after each sync.
///
/// After a success: the interval, give or take a tenth, so that a thousand accounts don't ask at once.
/// After a failure that may pass by itself (network, time-out, 5xx …) sooner, so that an outage is over here soon
/// after it is over there; after one that a person must mend (auth, gone, other 4xx) later and later, since providers
/// lock out clients that go on asking.
///
/// | failures in a row | passing failure, interval 5 min | lasting failure, interval 5 min |
/// |---|---|---|
/// | 1 | 30 s | 5 min |
/// | 2 | 1 min | 10 min |
/// | 3 | 2 min | 20 min |
/// | 4 | 4 min | 40 min |
/// | 5 and more | 5 min | 1 h |
///
/// A rate limit, and a refusal that did not come from the API itself, wait the ordinary interval each time.
package struct SyncSchedule: Sendable, Equatable {
    /// The time between two syncs that succeed.
    package let interval: Duration

    private static let firstRetry = Duration.seconds(30)
    private static let longestBackOff = Duration.seconds(3600)
    /// One absurd `Retry-After` must not silence a source for a year.
    private static let longestWish = Duration.seconds(6 * 3600)

    /// - Parameters:
    ///   - wanted: the configured interval.
    ///   - floor: the source's own shortest interval.
    ///   - isOwn: whether the account itself asks for `wanted`, which then may go below the floor.
    package init(wanted: Duration, floor: Duration, isOwn: Bool) {
        interval = isOwn ? wanted : max(wanted, floor)
    }

    /// The longest wait after any failure.
    var longestWait: Duration { max(interval * 1.1, Self.longestBackOff * 1.1, Self.longestWish) }

    /// How long the provider wants a source left alone; nil where it did not say.
    func wish(_ retryAfter: Duration?) -> Duration? {
        retryAfter.flatMap { $0 > .zero ? min($0, Self.longestWish) : nil }
    }

    /// How long to wait after a sync.
    ///
    /// - Parameters:
    ///   - failure: why it failed; nil after a success.
    ///   - isLasting: whether it lasts until its cause is fixed.
    ///   - failuresInRow: how often it has failed in this way, which may pass or must be mended, this time included.
    ///   - retryAfter: how long the provider asked to wait.
    ///   - unit: a random number from 0 to 1.
    package func delay(
        after failure: FailureReason?, isLasting: Bool, failuresInRow: Int, retryAfter: Duration?, unit: Double
    ) -> Duration {
        let jittered: (Duration) -> Duration = { $0 * (0.9 + 0.2 * unit) }
        guard let failure else { return jittered(interval) }
        let doublings = min(max(0, failuresInRow - 1), 16)
        let base: Duration
        switch failure {
        case _ where isLasting:
            base = min(interval * (1 << doublings), max(interval, Self.longestBackOff))
        case .rateLimited, .auth, .gone, .http4xx:
            base = interval
        case .timeout, .network, .http5xx, .decode, .storage:
            base = min(Self.firstRetry * (1 << doublings), interval)
        }
        return max(jittered(base), wish(retryAfter) ?? .zero)
    }
}

/// Until when a source that failed is left alone, also over a restart: stored with its status.
struct SyncHold: Sendable, Equatable, Codable {
    /// Not before this time.
    let until: Timestamp
    /// The whole wait, from the failure on: no clock that was set back makes it longer.
    let length: Duration
    /// Whether the provider asked for it (`Retry-After`): no other key and no operator shortens it.
    let isProvidersWish: Bool
    /// What the source was queried with, as ``AccountConfiguration`` has it: with something else it is queried at once.
    let access: String

    /// The hold after a failure; nil where a restart may query at once, since the cause may well be on this machine.
    ///
    /// - Parameters:
    ///   - delay: the wait that the schedule has.
    ///   - wish: the wait that the provider asked for; nil where it did not.
    init?(after failure: any ReasonedFailure, at now: Timestamp, delay: Duration, wish: Duration?, access: String) {
        switch failure.reason {
        case .network, .storage: return nil
        // A part that fails must not make the others old.
        case _ where failure is PartialFailure && wish == nil: return nil
        case .auth, .rateLimited, .timeout, .http4xx, .http5xx, .decode, .gone: break
        }
        length = wish ?? delay
        until = now + length
        isProvidersWish = wish != nil
        self.access = access
    }

    /// How long the source is still left alone.
    ///
    /// - Parameter longest: the longest wait that any failure leads to now.
    func wait(at now: Timestamp, access: String, longest: Duration) -> Duration {
        guard isProvidersWish || access == self.access else { return .zero }
        return max(.zero, min(until - now, length, longest))
    }
}
