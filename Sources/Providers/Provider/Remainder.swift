import UsageModel

/// Law 2 of the catalogue, applied to one slice: the parts sum to the provider's own total.
///
/// What the total holds beyond its listed parts belongs to the series with the empty label. Where the parts exceed
/// the total nothing can be taken away from a counter, and the difference shows in the reconciliation gauge alone.
struct Remainder {
    /// What belongs to the empty label: never negative.
    let unlisted: ExactDecimal
    /// The total minus its parts, of either sign: zero where they agree.
    let difference: ExactDecimal

    /// Below a billionth of a dollar a difference is the noise of binary floating point in the provider's JSON
    /// (`0.1 + 0.2`), not money.
    static let noise = ExactDecimal("0.000000001") ?? .zero

    /// Compares a total with its parts; a provider that gives no total has none beyond its parts.
    ///
    /// - Parameter noise: a difference below this is not money: more than `noise` where a provider rounds its sums.
    init(total: ExactDecimal?, parts: [ExactDecimal], noise: ExactDecimal = noise) {
        let difference = total.map { $0 - parts.reduce(.zero, +) } ?? .zero
        let isNoise = difference.magnitude < noise
        self.difference = isNoise ? .zero : difference
        unlisted = isNoise || difference.isNegative ? .zero : difference
    }
}
