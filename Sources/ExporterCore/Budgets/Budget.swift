import UsageModel

/// A budget of the config: what may be spent in each period by the usage that a filter selects.
///
/// `monthly_usd` of an account is a budget with the account's name that selects the account.
package struct Budget: Sendable, Hashable {
    /// The label `budget`.
    package let name: String
    /// In USD, or in the unit.
    package let limit: ExactDecimal
    /// A unit of charges that are not USD, in lower case; nil for USD.
    package let unit: String?
    package let period: BudgetPeriod
    package let filter: BudgetFilter
    /// Ascending.
    package let thresholds: [BudgetThreshold]

    package init(
        name: String, limit: ExactDecimal, unit: String? = nil, period: BudgetPeriod = .month,
        filter: BudgetFilter = BudgetFilter(), thresholds: [BudgetThreshold] = BudgetThreshold.standard
    ) {
        self.name = name
        self.limit = limit
        self.unit = unit
        self.period = period
        self.filter = filter
        self.thresholds = thresholds
    }

    /// The budget of an account's key `budget: { monthly_usd: … }`.
    package static func monthly(_ limit: ExactDecimal, account: String) -> Budget {
        Budget(name: account, limit: limit, filter: BudgetFilter(account: NamePattern(account)))
    }
}

/// The usage that counts in a budget; each part is optional.
package struct BudgetFilter: Sendable, Hashable {
    package var provider: NamePattern?
    package var account: NamePattern?
    package var key: NamePattern?
    package var model: NamePattern?
    package var modality: NamePattern?
    /// The owners of the config.
    package var owner: NamePattern?

    package init(account: NamePattern? = nil) { self.account = account }

    /// Whether the filter names one account: the budget's series then have its labels `provider` and `account`, which
    /// else are empty.
    var isOfOneAccount: Bool { account?.isLiteral == true }

    /// Whether an account's usage may count.
    func selects(provider name: String, account: String) -> Bool {
        provider?.matches(name) ?? true && self.account?.matches(account) ?? true
    }
}

/// The periods of a budget, in UTC days. A new one begins with nothing spent.
package enum BudgetPeriod: Sendable, Hashable {
    case day
    /// From Monday.
    case week
    /// A calendar month.
    case month
    /// A number of days, repeated before and after a day on which one begins.
    case every(days: Int, from: UTCDay)

    /// Returns the days of the period that contains a day.
    package func days(containing day: UTCDay) -> ClosedRange<UTCDay> {
        let first: UTCDay
        let length: Int
        switch self {
        case .day:
            (first, length) = (day, 1)
        case .week:
            (first, length) = (day.advanced(by: -day.weekday), 7)
        case .month:
            first = day.startOfMonth
            length = first.distance(to: first.startOfNextMonth)
        case .every(let days, let anchor):
            let offset = anchor.distance(to: day) % days
            (first, length) = (day.advanced(by: -(offset < 0 ? offset + days : offset)), days)
        }
        return first...first.advanced(by: length - 1)
    }

    /// The length of the longest period in days.
    var mostDays: Int {
        switch self {
        case .day: 1
        case .week: 7
        case .month: 31
        case .every(let days, _): days
        }
    }
}

/// A share of a budget's limit that is reported once it is spent.
package struct BudgetThreshold: Sendable, Hashable {
    /// Hundredths of a percent, so that shares are compared exactly.
    package let basisPoints: Int

    /// 50 %, 80 % and 100 %.
    package static let standard = [5000, 8000, 10_000].map(BudgetThreshold.init)

    package init(basisPoints: Int) { self.basisPoints = basisPoints }

    /// Reads `80%` or `33.3%`, with at most two decimals; nil for other text and for 0.
    init?(_ text: String) {
        guard text.hasSuffix("%"), let percent = ExactDecimal(text.dropLast()), percent > .zero,
            percent <= ExactDecimal(100_000), let points = (percent * 100).wholeNumber
        else { return nil }
        basisPoints = points
    }

    /// The label `threshold`: `80%`.
    var text: String {
        let (percent, rest) = basisPoints.quotientAndRemainder(dividingBy: 100)
        guard rest != 0 else { return "\(percent)%" }
        return rest % 10 == 0 ? "\(percent).\(rest / 10)%" : "\(percent).\(rest < 10 ? "0" : "")\(rest)%"
    }

    /// The share, 1 for the whole limit.
    var ratio: Double { Double(basisPoints) / 10_000 }

    /// Whether this share of the limit is spent.
    func isReached(_ spent: ExactDecimal, of limit: ExactDecimal) -> Bool {
        spent * 10_000 >= limit * basisPoints
    }
}
