import UsageLedger
import UsageModel

/// Series of the ledger whose charges are merged into one row per day, because they have the same exported labels.
struct FocusGroup {
    /// The part of a charge that is the same on all days.
    private struct Identity: Hashable {
        let kind: FocusCharge.Kind
        let currency: FocusCurrency
        let key: String
        let model: String
    }

    private let account: LedgerHistory.Account
    private let identity: Identity
    private(set) var owner: Owner?
    private var series: [Int64] = []

    /// The kinds of charges of each family with money. `keyCost` and the like are other views of the same money, and
    /// `estimatedCost` was not charged.
    private static let kinds: [LedgerFamily: FocusCharge.Kind] = [
        .cost: .usage, .credits: .usage, .topups: .topUp, .refunds: .refund, .creditsRefunded: .refund,
    ]

    /// Groups an account's series with money by their exported labels, in the order of their ids.
    ///
    /// - Parameter view: maps the provider's label values to the exported ones.
    static func groups(
        of totals: [SeriesTotal], account: LedgerHistory.Account, view: LabelView, owners: Owners
    ) -> [FocusGroup] {
        var groups: [FocusGroup] = []
        var indexes: [Identity: Int] = [:]
        for total in totals {
            guard let kind = kinds[total.family] else { continue }
            let names = total.family.labelNames
            let shown = view.served(total)
            func label(_ name: String, in labels: [String]) -> String? {
                names.firstIndex(of: name).map { labels[$0] }
            }
            let key = label("key", in: shown) ?? ""
            let identity = Identity(
                kind: kind, currency: label("unit", in: total.labels).map(FocusCurrency.init(unit:)) ?? .usd, key: key,
                model: label("model", in: shown) ?? "")
            let index = indexes[identity] ?? groups.count
            if index == groups.count {
                indexes[identity] = index
                groups.append(FocusGroup(account: account, identity: identity))
            }
            groups[index].series.append(total.id)
            groups[index].owner =
                groups[index].owner
                ?? owners.owner(account: account.name, key: label("key", in: total.labels) ?? "", shownAs: key)
        }
        return groups
    }

    private init(account: LedgerHistory.Account, identity: Identity) {
        self.account = account
        self.identity = identity
    }

    /// The charges of a span of days, in the order of days. A day whose charges were taken back completely has none.
    ///
    /// - Throws: errors of the ledger.
    func charges(_ ledger: LedgerHistory, days span: ClosedRange<UTCDay>) throws -> [FocusCharge] {
        let sums = try series.reduce(into: [UTCDay: ExactDecimal]()) { sums, id in
            for (day, amount) in try ledger.days(of: id) { sums[day, default: .zero] += amount }
        }
        var month = (start: span.lowerBound.startOfMonth, sum: ExactDecimal.zero)
        return sums.sorted { $0.key < $1.key }.compactMap { day, amount in
            if day.startOfMonth != month.start { month = (day.startOfMonth, .zero) }
            month.sum += amount
            guard span.contains(day), !amount.isZero else { return nil }
            return FocusCharge(
                day: day, account: account.name, provider: account.provider, key: identity.key, model: identity.model,
                kind: identity.kind, currency: identity.currency, amount: amount,
                isCorrection: amount.isNegative && month.sum.isNegative, owner: owner)
        }
    }
}
