import NIOConcurrencyHelpers
import UsageModel

/// A machine's clock with an adjustable skew.
package final class SkewedClock: WallClock {
    private let right: ManualClock
    private let skew = NIOLockedValueBox(Duration.zero)

    /// Starts without skew.
    package init(_ right: ManualClock) {
        self.right = right
    }

    /// The clock minus the right time.
    package var ahead: Duration { skew.withLockedValue { $0 } }

    package var now: Timestamp { right.now + ahead }

    package func sleep(for duration: Duration) async throws { try await right.sleep(for: duration) }

    /// Sets the clock ahead of the right time by this duration.
    package func set(_ ahead: Duration) { skew.withLockedValue { $0 = ahead } }
}
