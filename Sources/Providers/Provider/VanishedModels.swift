import UsageModel

/// A response that lists fewer models than before while its total stays: the list is missing or cut, not the usage.
///
/// What the total holds beyond its list goes to the empty model (metrics law 2). Usage that was counted under a model and
/// moved there would be counted twice, since the counter that it leaves never falls.
enum VanishedModels {
    /// Checks a slice's cells against those that it had.
    ///
    /// - Throws: `SourceFailure` (`decode`) where models that had usage are no longer listed, and the empty model has gained.
    static func check(_ cells: [Cell], against earlier: [Cell], in endpoint: String) throws {
        for family in [LedgerFamily.cost, .credits, .requests] {
            let (before, now) = (sums(family, earlier), sums(family, cells))
            let gone = before.filter { !$0.key.isEmpty && !$0.value.isZero && now[$0.key] == nil }
            let gained = (now[""] ?? .zero) - (before[""] ?? .zero)
            guard !gone.isEmpty, gained > Remainder.noise else { continue }
            throw SourceFailure(
                .decode,
                "\(endpoint) no longer lists \(gone.count) models that had usage, while its total holds it; the figures stay"
            )
        }
    }

    private static func sums(_ family: LedgerFamily, _ cells: [Cell]) -> [String: ExactDecimal] {
        Dictionary(
            cells.filter { $0.family == family }.map { ($0.labels[1], $0.value) }, uniquingKeysWith: +)
    }
}
