import Foundation
import UsageModel

/// The machine's clock.
package struct SystemClock: WallClock {
    package init() {}

    package var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Waits on the monotonic clock.
    package func sleep(for duration: Duration) async throws {
        // Real time is what this clock is for; tests inject another one. A negative duration has passed already.
        try await Task.sleep(for: max(.zero, duration))
    }
}

/// The system's random number generator.
package struct SystemRandom: RandomSource {
    package init() {}

    /// A random number from 0 (inclusive) to 1 (exclusive).
    package func unit() -> Double { Double.random(in: 0..<1) }
}
