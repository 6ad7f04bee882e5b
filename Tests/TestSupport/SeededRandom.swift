import NIOConcurrencyHelpers
import UsageModel

/// SplitMix64: generates the same numbers in every run of a test.
package final class SeededRandom: RandomSource {
    private let state: NIOLockedValueBox<UInt64>

    package init(_ seed: UInt64) {
        state = NIOLockedValueBox(seed)
    }

    package func next() -> UInt64 {
        state.withLockedValue { state in
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    /// A number from 0 (inclusive) to 1 (exclusive).
    package func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

    /// An integer in the range.
    package func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }
}
