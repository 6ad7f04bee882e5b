import UsageModel

/// Computes when a source is synced next.
///
/// After a success the delay is the interval with a jitter of ±10 %, so that a thousand accounts do not sync at once.
/// After a transient failure (network, time-out, 5xx …) it is shorter, so that the exporter recovers soon after an
/// outage. After a lasting failure (auth, gone, other 4xx) it doubles, because providers lock out clients that keep
/// repeating such requests.
///
/// | failures in a row | transient failure, interval 5 min | lasting failure, interval 5 min |
/// |---|---|---|
/// | 1 | 30 s | 5 min |
/// | 2 | 1 min | 10 min |
/// | 3 | 2 min | 20 min |
/// | 4 | 4 min | 40 min |
/// | 5 and more | 5 min | 1 h |
///
/// After a rate limit, or a refusal that did not come from the API itself, the delay is the interval each time.
package struct SyncSchedule: Sendable, Equatable {
    /// The time between two successful syncs.
    package let interval: Duration

    private static let firstRetry = Duration.seconds(30)
    private static let longestBackOff = Duration.seconds(3600)
    /// Limits `Retry-After`: an absurd value must not stop a source for a year.
    private static let longestWish = Duration.seconds(6 * 3600)

    /// - Parameters:
    ///   - wanted: the configured interval.
    ///   - floor: the source's minimum interval.
    ///   - isOwn: whether the account itself sets `wanted`, which may then be below the minimum.
    package init(wanted: Duration, floor: Duration, isOwn: Bool) {
        interval = isOwn ? wanted : max(wanted, floor)
    }

    /// The maximum wait after any failure.
    var longestWait: Duration { max(interval * 1.1, Self.longestBackOff * 1.1, Self.longestWish) }

    /// The wait that the provider requests by `Retry-After`, limited; nil if it requests none.
    func wish(_ retryAfter: Duration?) -> Duration? {
        retryAfter.flatMap { $0 > .zero ? min($0, Self.longestWish) : nil }
    }

    /// The delay until the next sync.
    ///
    /// - Parameters:
    ///   - failure: the reason of the failure; nil after a success.
    ///   - isLasting: whether it lasts until its cause is fixed.
    ///   - failuresInRow: number of consecutive failures of this kind (transient or lasting), including this one.
    ///   - retryAfter: the provider's `Retry-After`.
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

/// The back-off of a failed source. It is stored with the status, so that it also applies after a restart.
struct SyncHold: Sendable, Equatable, Codable {
    /// The earliest time of the next sync.
    let until: Timestamp
    /// The whole wait since the failure, so that a clock that was set back does not make it longer.
    let length: Duration
    /// Whether the provider requested the wait (`Retry-After`): then neither another key nor the operator shortens it.
    let isProvidersWish: Bool
    /// A hash of the key and settings that the source was queried with. With others it is queried at once.
    let access: String

    /// Fails if a restart may query at once, because the cause may be on this machine.
    ///
    /// - Parameters:
    ///   - delay: the schedule's wait.
    ///   - wish: the wait that the provider requested; nil if none.
    init?(after failure: any ReasonedFailure, at now: Timestamp, delay: Duration, wish: Duration?, access: String) {
        switch failure.reason {
        case .network, .storage: return nil
        // A failing part must not delay the other parts.
        case _ where failure is PartialFailure && wish == nil: return nil
        case .auth, .rateLimited, .timeout, .http4xx, .http5xx, .decode, .gone: break
        }
        length = wish ?? delay
        until = now + length
        isProvidersWish = wish != nil
        self.access = access
    }

    /// The rest of the wait.
    ///
    /// - Parameter longest: the maximum wait after any failure.
    func wait(at now: Timestamp, access: String, longest: Duration) -> Duration {
        guard isProvidersWish || access == self.access else { return .zero }
        return max(.zero, min(until - now, length, longest))
    }
}
