import NIOConcurrencyHelpers
import UsageModel

/// A machine's clock that may be wrong, beside a right one.
package final class SkewedClock: WallClock {
    private let right: ManualClock
    private let skew = NIOLockedValueBox(Duration.zero)

    /// A clock that shows what the right one does, until it is set.
    package init(_ right: ManualClock) {
        self.right = right
    }

    /// How far it is ahead of the right time.
    package var ahead: Duration { skew.withLockedValue { $0 } }

    /// The time that it shows.
    package var now: Timestamp { right.now + ahead }

    /// Sleeps as the right clock does.
    package func sleep(for duration: Duration) async throws { try await right.sleep(for: duration) }

    /// Sets it this far ahead of the right time.
    package func set(_ ahead: Duration) { skew.withLockedValue { $0 = ahead } }
}
