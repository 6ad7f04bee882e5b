import Crypto
import Foundation
import PrometheusExposition
import UsageLedger
import UsageModel

/// Maps an account's label values to the served ones: renamed, hashed, folded past the series limit, without control
/// characters.
///
/// The ledger keeps the provider's values. A change of these options therefore moves whole histories, and several
/// series of the ledger may be served as one with their values added.
struct LabelView: Sendable {
    /// The label value of series past the series limit.
    static let other = "__other__"

    private let rename: [String: [String: String]]
    private let hashKey: SymmetricKey?
    /// Maximum number of the ledger's series with their own labels, and of samples of one gauge.
    let limit: Int

    /// - Parameters:
    ///   - options: the config's section `labels`.
    ///   - salt: the storage's own, because unsalted hashes of e-mail addresses could be looked up.
    ///   - limit: maximum number of the ledger's series with their own labels.
    init(_ options: LabelOptions, salt: String, limit: Int) {
        rename = options.rename
        hashKey = options.hashKeys ? SymmetricKey(data: Data(salt.utf8)) : nil
        self.limit = limit
    }

    /// Whether the series may be merged with others into one served series.
    func isShared(_ total: SeriesTotal) -> Bool {
        isOverflow(total) || isMapped || total.labels.contains(where: \.mayCollideAsLabelValue)
    }

    /// Whether the series is past the limit. A family without labels has nothing to fold.
    func isOverflow(_ total: SeriesTotal) -> Bool {
        total.rank > limit && !total.family.labelNames.isEmpty
    }

    private var isMapped: Bool { hashKey != nil || !rename.isEmpty }

    /// The label values under which a series is served.
    func shown(_ labels: [String], of names: [String], rank: Int = 0) -> [String] {
        guard rank > limit || isMapped else { return labels.map(\.asLabelValue) }
        return zip(names, labels).map { name, value in
            (rank > limit ? folded(value, of: name, among: names) : mapped(value, of: name)).asLabelValue
        }
    }

    /// The label values under which a series of the ledger is served, now and in a backfill. The series of one
    /// histogram differ only in `le`, which is omitted.
    func served(_ total: SeriesTotal) -> [String] {
        let labels = shown(total.labels, of: total.family.labelNames, rank: total.rank)
        return total.family == .duration ? labels.dropLast() : labels
    }

    /// The label values under which a series is served past the limit.
    func servedFolded(_ total: SeriesTotal) -> [String] {
        let names = total.family.labelNames
        let labels = zip(names, total.labels).map { folded($1, of: $0, among: names).asLabelValue }
        return total.family == .duration ? labels.dropLast() : labels
    }

    private func mapped(_ value: String, of name: String) -> String {
        if let renamed = rename[name]?[value] { return renamed }
        guard name == "key", !value.isEmpty, let hashKey else { return value }
        let code = HMAC<SHA256>.authenticationCode(for: Data(value.utf8), using: hashKey)
        return "h:" + code.prefix(8).map { String(UInt8($0), radix: 16).paddedToTwo }.joined()
    }

    /// Keeps labels with few possible values and folds the others into one value.
    private func folded(_ value: String, of name: String, among names: [String]) -> String {
        switch name {
        case "outcome", "token_type", "unit", "le", "code", "bot": value
        case "model": Self.other
        // If the family has a model label, its `__other__` marks the series already.
        default: names.contains("model") ? "" : Self.other
        }
    }
}

extension String {
    fileprivate var paddedToTwo: String { count < 2 ? "0" + self : self }
}
