import UsageModel

/// The remainder of a total: the parts of a slice must sum to the provider's own total.
///
/// The part of the total beyond its listed parts belongs to the series with the empty label. If the parts exceed the
/// total, nothing can be subtracted from a counter, so only the reconciliation gauge shows the difference.
struct Remainder {
    /// The amount of the empty label; never negative.
    let unlisted: ExactDecimal
    /// The total minus its parts, of either sign; zero if they are equal.
    let difference: ExactDecimal

    /// The threshold of a billionth of a dollar. A smaller difference is a rounding error of binary floating point in
    /// the provider's JSON (`0.1 + 0.2`), not money.
    static let noise = ExactDecimal("0.000000001") ?? .zero

    /// Compares a total with its parts. Without a total there is no remainder.
    ///
    /// - Parameter noise: the threshold below which a difference is a rounding error; larger than `noise` for a
    ///   provider that rounds its sums.
    init(total: ExactDecimal?, parts: [ExactDecimal], noise: ExactDecimal = noise) {
        let difference = total.map { $0 - parts.reduce(.zero, +) } ?? .zero
        let isNoise = difference.magnitude < noise
        self.difference = isNoise ? .zero : difference
        unlisted = isNoise || difference.isNegative ? .zero : difference
    }
}
