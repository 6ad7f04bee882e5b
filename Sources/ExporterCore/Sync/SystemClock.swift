import Foundation
import UsageModel

/// The machine's clock.
package struct SystemClock: WallClock {
    /// The machine's clock.
    package init() {}

    /// The present moment.
    package var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Waits on the steady clock.
    package func sleep(for duration: Duration) async throws {
        // Real time, since this is the machine's clock itself; tests inject a clock that they move. A duration below zero
        // has passed already.
        try await Task.sleep(for: max(.zero, duration))
    }
}

/// The system's generator of random numbers.
package struct SystemRandom: RandomSource {
    /// The system's generator of random numbers.
    package init() {}

    /// A number from 0 (inclusive) to 1 (exclusive).
    package func unit() -> Double { Double.random(in: 0..<1) }
}
