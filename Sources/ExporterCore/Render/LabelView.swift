import Crypto
import Foundation
import PrometheusExposition
import UsageLedger
import UsageModel

/// How an account's labels are shown: renamed, hashed, folded past the series limit, without control characters.
///
/// The ledger keeps what the provider said; this is a view of it. A change of these options therefore moves whole
/// histories, and several of the ledger's series may be shown as one, their values added up.
struct LabelView: Sendable {
    /// What label values past the series limit become.
    static let other = "__other__"
    /// The storage's setting that holds the salt.
    static let saltSetting = "label_salt"

    private let rename: [String: [String: String]]
    private let hashKey: SymmetricKey?
    /// Series of the ledger that are shown under their own labels; no gauge has more of them either.
    let limit: Int

    /// - Parameters:
    ///   - options: what the config asks for.
    ///   - salt: the storage's own; without it hashes of e-mails could be looked up.
    ///   - limit: series of the ledger that are shown under their own labels.
    init(_ options: LabelOptions, salt: String, limit: Int) {
        rename = options.rename
        hashKey = options.hashKeys ? SymmetricKey(data: Data(salt.utf8)) : nil
        self.limit = limit
    }

    /// Whether the series may be one of several that are served as one.
    func isShared(_ total: SeriesTotal) -> Bool {
        isOverflow(total) || isMapped || total.labels.contains(where: \.mayCollideAsLabelValue)
    }

    /// Whether the series is past the limit. One of a family without labels has nothing to fold: it would get the labels
    /// that it has.
    func isOverflow(_ total: SeriesTotal) -> Bool {
        total.rank > limit && !total.family.labelNames.isEmpty
    }

    private var isMapped: Bool { hashKey != nil || !rename.isEmpty }

    /// The label values of a series as they are shown.
    func shown(_ labels: [String], of names: [String], rank: Int = 0) -> [String] {
        guard rank > limit || isMapped else { return labels.map(\.asLabelValue) }
        return zip(names, labels).map { name, value in
            (rank > limit ? folded(value, of: name, among: names) : mapped(value, of: name)).asLabelValue
        }
    }

    /// The label values under which a series of the ledger is served, now and in its past. Those of one histogram differ
    /// in `le` alone, which is left out.
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

    /// Sets of values that are small by nature stay; the others become one.
    private func folded(_ value: String, of name: String, among names: [String]) -> String {
        switch name {
        case "outcome", "token_type", "unit", "le", "code", "bot": value
        case "model": Self.other
        // Where there is a model it says already that others are meant.
        default: names.contains("model") ? "" : Self.other
        }
    }
}

extension String {
    fileprivate var paddedToTwo: String { count < 2 ? "0" + self : self }
}
