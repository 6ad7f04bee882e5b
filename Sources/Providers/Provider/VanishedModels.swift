import UsageModel

/// Detects an incomplete response: it lists fewer models than before while its total stays.
///
/// The part of the total beyond the list belongs to the empty model. Usage that was counted for a model and moved there
/// would be counted twice, because the model's counter never falls.
enum VanishedModels {
    /// Checks the cells of a slice against its earlier cells.
    ///
    /// - Throws: `SourceFailure` (`decode`) if models with usage are no longer listed and the empty model has gained.
    static func check(_ cells: [Cell], against earlier: [Cell], in endpoint: String) throws {
        for family in [LedgerFamily.cost, .credits, .requests] {
            let (before, now) = (sums(family, earlier), sums(family, cells))
            let gone = before.filter { !$0.key.isEmpty && !$0.value.isZero && now[$0.key] == nil }
            let gained = (now[""] ?? .zero) - (before[""] ?? .zero)
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
