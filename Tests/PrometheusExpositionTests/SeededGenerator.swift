/// SplitMix64: returns the same numbers for a seed on every machine, so that failures are reproducible.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Returns an arbitrary double, or one of a kind that is common in metrics.
    mutating func double() -> Double {
        switch Int.random(in: 0..<6, using: &self) {
        case 0: Double(bitPattern: next())
        case 1: Double(Int.random(in: -1000...1000, using: &self))
        case 2: Double(Int.random(in: 0...1_000_000_000_000, using: &self))
        case 3: Double(Int.random(in: 0...100_000_000, using: &self)) / 1_000_000
        case 4: [0, -0.0, .nan, .infinity, -.infinity, 1e21, 1e-5].randomElement(using: &self) ?? 0
        default: Double.random(in: -1...1, using: &self)
        }
    }
}
