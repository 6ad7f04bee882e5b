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
        var hasResponse = false
    }

    private let state = NIOLockedValueBox(State())

    /// Takes in a response.
    ///
    /// - Parameters:
    ///   - date: its `Date` field; nil where it has none that can be read.
    ///   - now: our clock when the response came.
    func observe(date: Timestamp?, at now: Timestamp) {
        state.withLockedValue { state in
            state.hasResponse = true
            guard let date else { return }
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

    /// Whether something may be deleted by our clock: a response came, and none speaks against it.
    var isTrusted: Bool { state.withLockedValue { $0.hasResponse } && excess == nil }

    private func abs(_ duration: Duration) -> Duration { duration < .zero ? .zero - duration : duration }
}
