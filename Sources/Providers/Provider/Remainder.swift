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

extension Dictionary where Value == ExactDecimal {
    /// Takes up to an amount from series, in their order, as far as each gained since an earlier reading.
    ///
    /// For usage that moved between labels and has to stay where it was counted first: under the new ones it would count a
    /// second time, because counters never fall. A new series that only had what was taken is removed.
    ///
    /// - Returns: the amount taken.
    mutating func takeGains(
        upTo limit: ExactDecimal, from series: some Sequence<Key>, since earlier: [Key: ExactDecimal]
    ) -> ExactDecimal {
        var taken = ExactDecimal.zero
        for key in series {
            let now = self[key] ?? .zero
            let moved = Swift.min(limit - taken, now - (earlier[key] ?? .zero))
            guard moved > .zero else { continue }
            taken += moved
            self[key] = moved == now && earlier[key] == nil ? nil : now - moved
        }
        return taken
    }
}

/// Detects an incomplete response: it lists fewer models than before while its total stays, or has no total any more.
///
/// The part of the total beyond the list belongs to the empty model. Usage that was counted for a model and moved there
/// would be counted twice, because the model's counter never falls. Without the total, that part is not known.
enum IncompleteDay {
    /// Checks the cells of a slice against its earlier cells.
    ///
    /// - Parameters:
    ///   - totals: the families of which the response has a total.
    ///   - endpoint: the endpoint, for the message.
    /// - Throws: `SourceFailure` (`decode`) if models with usage are no longer listed and the empty model has gained, or if
    ///   the empty model has lost usage because there is no total.
    static func check(
        _ cells: [Cell], against earlier: [Cell], totals: Set<LedgerFamily>, in endpoint: String
    ) throws {
        for family in [LedgerFamily.cost, .credits, .requests] {
            let (before, now) = (sums(family, earlier), sums(family, cells))
            let gone = before.filter { !$0.key.isEmpty && !$0.value.isZero && now[$0.key] == nil }
            let gained = (now[""] ?? .zero) - (before[""] ?? .zero)
            guard totals.contains(family) || gained > -Remainder.noise else {
                throw SourceFailure(
                    .decode,
                    "\(endpoint) has no total any more, which had more than its models; the stored figures stay")
            }
            guard !gone.isEmpty, gained > Remainder.noise else { continue }
            throw SourceFailure(
                .decode,
                "\(endpoint) no longer lists \(gone.count) models that had usage, but its total includes them; "
                    + "the stored figures stay")
        }
    }

    private static func sums(_ family: LedgerFamily, _ cells: [Cell]) -> [String: ExactDecimal] {
        Dictionary(
            cells.filter { $0.family == family }.map { ($0.labels[1], $0.value) }, uniquingKeysWith: +)
    }
}

extension [Cell] {
    /// Whether any quantity is not zero.
    var hasFigures: Bool { contains { !$0.value.isZero } }
}
