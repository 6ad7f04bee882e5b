import NIOConcurrencyHelpers
import UsageModel

/// Measures the difference between this machine's clock and a provider's by the `Date` fields of its responses, per
/// account.
///
/// While the two differ by more than an hour, one of them is wrong and this machine's is not trusted: no history is
/// complete, no slice counts as read up to now, nothing is deleted. If a provider sends no `Date`, this machine's clock
/// is trusted.
final class ClockSkew: Sendable {
    /// A larger difference is the error of a clock rather than of a network or a cache.
    static let tolerance = Duration.hours(1)
    private static let kept = 5

    private struct State {
        var recent: [Duration] = []
        /// Number of responses without a `Date` since the last one with it.
        var dateless = 0
        /// When the newest response arrived, by the wall clock and by the monotonic clock.
        var newest: (wall: Timestamp, steady: ContinuousClock.Instant)?
    }

    private let state = NIOLockedValueBox(State())

    /// Records a response.
    ///
    /// - Parameters:
    ///   - date: its `Date` field; nil if it is missing or invalid.
    ///   - now: the time of this machine when the response arrived.
    func observe(date: Timestamp?, at now: Timestamp) {
        let steady = ContinuousClock.now
        state.withLockedValue { state in
            // Measurements before a step of the wall clock are invalid after it.
            if let newest = state.newest, hasStepped(since: newest, now, steady) { state.recent = [] }
            state.newest = (now, steady)
            guard let date else {
                state.dateless += 1
                // Old measurements of a provider that no longer sends it are invalid.
                if state.dateless >= Self.kept { state.recent = [] }
                return
            }
            state.dateless = 0
            state.recent.append(now - date)
            if state.recent.count > Self.kept { state.recent.removeFirst() }
        }
    }

    /// This machine's clock minus the provider's: the median of the last responses; nil if none had a `Date`.
    var median: Duration? {
        let sorted = state.withLockedValue { $0.recent }.sorted()
        return sorted.isEmpty ? nil : sorted[sorted.count / 2]
    }

    /// The newest or the median difference, if it is too large to trust this machine's clock; nil if both are small or
    /// unknown.
    var excess: Duration? {
        let newest = state.withLockedValue { $0.recent.last }
        return [newest, median].compactMap { $0 }.filter { $0 > Self.tolerance || $0 < .zero - Self.tolerance }
            .max { abs($0) < abs($1) }
    }

    /// Returns whether data may be deleted by this machine's clock: a response has arrived, no response contradicts the
    /// clock, and the clock has not stepped since.
    func isTrusted(at now: Timestamp) -> Bool {
        guard let newest = state.withLockedValue({ $0.newest }), excess == nil else { return false }
        return !hasStepped(since: newest, now, .now)
    }

    private func hasStepped(
        since newest: (wall: Timestamp, steady: ContinuousClock.Instant), _ now: Timestamp,
        _ steady: ContinuousClock.Instant
    ) -> Bool {
        abs((now - newest.wall) - (steady - newest.steady)) > Self.tolerance
    }

    private func abs(_ duration: Duration) -> Duration { duration < .zero ? .zero - duration : duration }
}
