import NIOConcurrencyHelpers
import UsageModel

/// How far our clock is from a provider's, by the `Date` fields of its responses: one for each account.
///
/// While the two disagree by more than an hour one of them is wrong, and nothing is concluded from ours: no history is
/// complete, no slice counts as read up to now, nothing is deleted. A provider that sends no `Date` leaves our clock
/// trusted.
final class ClockSkew: Sendable {
    /// A larger difference is an error of a clock, not of a network or a cache.
    static let tolerance = Duration.hours(1)
    private static let kept = 5

    private struct State {
        var recent: [Duration] = []
        /// Responses without a `Date` since the last one with it.
        var dateless = 0
        /// When the newest response came, by our clock and in steady time.
        var newest: (wall: Timestamp, steady: ContinuousClock.Instant)?
    }

    private let state = NIOLockedValueBox(State())

    /// Takes in a response.
    ///
    /// - Parameters:
    ///   - date: its `Date` field; nil where it has none that can be read.
    ///   - now: our clock when the response came.
    func observe(date: Timestamp?, at now: Timestamp) {
        let steady = ContinuousClock.now
        state.withLockedValue { state in
            // What was measured before our clock stepped is of no use after it.
            if let newest = state.newest, hasStepped(since: newest, now, steady) { state.recent = [] }
            state.newest = (now, steady)
            guard let date else {
                state.dateless += 1
                // A provider that no longer sends it says nothing of our clock.
                if state.dateless >= Self.kept { state.recent = [] }
                return
            }
            state.dateless = 0
            state.recent.append(now - date)
            if state.recent.count > Self.kept { state.recent.removeFirst() }
        }
    }

    /// Our clock minus the provider's: the median of the last responses; nil where none had a `Date`.
    var median: Duration? {
        let sorted = state.withLockedValue { $0.recent }.sorted()
        return sorted.isEmpty ? nil : sorted[sorted.count / 2]
    }

    /// The difference that is too large to trust our clock: the newest response's, or the median; nil where both are
    /// small or not known.
    var excess: Duration? {
        let newest = state.withLockedValue { $0.recent.last }
        return [newest, median].compactMap { $0 }.filter { $0 > Self.tolerance || $0 < .zero - Self.tolerance }
            .max { abs($0) < abs($1) }
    }

    /// Whether something may be deleted by our clock: a response came, none speaks against it, and it has not stepped since.
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
