import ExporterCore
import UsageModel

/// One account on the status page.
struct AccountSection {
    let account: AccountOverview
    /// Index on the page, for unique ids.
    let number: Int
    let now: Timestamp

    var html: String {
        """
        <section aria-labelledby="account-\(number)"\(account.isFailing ? " class=\"failing\"" : "")>
        <h2 id="account-\(number)">\(escaped(account.name)) <small>\(escaped(account.provider))</small></h2>
        <dl class="figures">
        \(figures.map { "<div><dt>\($0)</dt><dd>\($1)</dd></div>" }.joined(separator: "\n"))
        </dl>
        \(balance)
        \(account.budgets.enumerated().map { $1.html(id: "budget-\(number)-\($0)") }.joined(separator: "\n"))
        \(account.days.isEmpty ? "" : chart)
        \(sources)
        </section>
        """
    }

    private var chart: String {
        CostChart(
            account: account.name, days: account.days, id: "chart-\(number)", isEstimated: account.isCostEstimated
        ).html
    }

    private var figures: [(String, String)] {
        var figures: [(String, String)] = []
        if let from = account.costFrom, from > now.day { figures.append(("Cost by day", "from \(from) on")) }
        let estimated = account.isCostEstimated
        if let today = account.costToday {
            figures.append((estimated ? "Estimated today" : "Cost today", today.doubleValue.dollarText))
        }
        if let month = account.costThisMonth {
            figures.append((estimated ? "Estimated this month" : "This month", month.doubleValue.dollarText))
        }
        if let balance = account.balance, pace == nil { figures.append(("Balance", balance.dollarText)) }
        if let ratio = account.successRatio { figures.append(("Success, 2 days", ratio.percentText)) }
        figures.append(("Data through", dataThrough.map { "\((now - $0).roughText) ago" } ?? "not yet"))
        return figures
    }

    /// Time through which all usage sources have data; nil if one has none yet.
    private var dataThrough: Timestamp? {
        let reached = account.sources.filter(\.reportsUsage).map(\.status.dataThrough)
        return reached.contains(nil) ? nil : reached.compactMap { $0 }.min()
    }

    /// Average cost of the last seven whole days in USD per day; nil if it is zero or unknown.
    private var pace: Double? {
        let days = account.days.filter { $0.day < now.day }.suffix(7)
        let spent = days.reduce(ExactDecimal.zero) { $0 + $1.cost }.doubleValue
        return spent > 0 ? spent / Double(days.count) : nil
    }

    /// The balance, with the days for which it lasts: the meter is full at 30.
    private var balance: String {
        guard let balance = account.balance, let pace else { return "" }
        let days = max(balance / pace, 0)
        let words = days >= 1000 ? "years" : days < 1 ? "less than a day" : "about \(days.daysText)"
        return Meter(
            id: "balance-\(number)", label: "Balance \(balance.dollarText): \(words) at the last week's pace",
            share: days / 30, state: days < 3 ? "over" : days < 7 ? "near" : "within", words: words
        ).html
    }

    private var sources: String {
        """
        <div class="scroll" role="region" aria-label="Sources of \(escaped(account.name))" tabindex="0">
        <table>
        <thead><tr><th scope="col">Source</th><th scope="col">State</th><th scope="col">Last success</th>\
        <th scope="col">Next sync</th></tr></thead>
        <tbody>
        \(account.sources.map(row).joined(separator: "\n"))
        </tbody>
        </table>
        </div>
        """
    }

    private func row(_ source: AccountOverview.Source) -> String {
        let status = source.status
        let state = status.isUp.map { $0 ? "up" : "down" } ?? "not tried yet"
        let success = status.lastSuccess.map { "\((now - $0).roughText) ago" } ?? "never"
        let next = status.next.map { $0 > now ? "in \(($0 - now).roughText)" : "now" } ?? "now"
        let error = status.lastError.map { "\n<tr><td class=\"error\" colspan=\"4\">\(escaped($0))</td></tr>" }
        return "<tr><th scope=\"row\">\(escaped(source.name))</th><td class=\"\(state.prefix(4))\">\(state)</td>"
            + "<td>\(success)</td><td>\(next)</td></tr>" + (error ?? "")
    }
}

extension Double {
    /// `1 day`, `12 days`: whole days, rounded down.
    fileprivate var daysText: String {
        let whole = Int(saturating: rounded(.down))
        return whole == 1 ? "1 day" : "\(whole) days"
    }

    /// `98.7%`.
    var percentText: String {
        // Rounded down, so that a ratio below 1 never reads 100%.
        let tenths = Int(saturating: (self * 1000).rounded(.down))
        return tenths % 10 == 0 ? "\(tenths / 10)%" : "\(tenths / 10).\(tenths % 10)%"
    }
}

/// Table of all accounts with links to their sections: failing accounts first, then by cost.
struct AccountsTable {
    /// Minimum number of accounts for which the table is shown.
    static let fewest = 4

    let accounts: [AccountOverview]

    var html: String {
        guard accounts.count >= Self.fewest else { return "" }
        return """
            <section class="all" aria-labelledby="all-accounts">
            <h2 id="all-accounts">All accounts</h2>
            <div class="scroll" role="region" aria-label="All accounts at a glance" tabindex="0">
            <table>
            <thead><tr><th scope="col">Account</th><th scope="col">Cost today</th><th scope="col">This month</th>\
            <th scope="col">Sources</th></tr></thead>
            <tbody>
            \(ordered.map { row($0.account, $0.number) }.joined(separator: "\n"))
            </tbody>
            <tfoot><tr><th scope="row">Sum</th><td>\(sum(\.costToday))</td><td>\(sum(\.costThisMonth))</td><td></td></tr></tfoot>
            </table>
            </div>
            </section>
            """
    }

    private var ordered: [(account: AccountOverview, number: Int)] {
        accounts.enumerated().map { (account: $1, number: $0) }.sorted { left, right in
            if left.account.isFailing != right.account.isFailing { return left.account.isFailing }
            let costs = (left.account.costThisMonth ?? .zero, right.account.costThisMonth ?? .zero)
            return costs.0 == costs.1 ? left.number < right.number : costs.0 > costs.1
        }
    }

    private func row(_ account: AccountOverview, _ number: Int) -> String {
        let down = account.sources.filter { $0.status.isUp == false }.map(\.name)
        let state =
            down.isEmpty
            ? account.sources.allSatisfy { $0.status.isUp == nil } ? "not tried yet" : "up"
            : "down: " + down.joined(separator: ", ")
        return "<tr><th scope=\"row\"><a href=\"#account-\(number)\">\(escaped(account.name))</a></th>"
            + "<td>\(text(account.costToday, account))</td><td>\(text(account.costThisMonth, account))</td>"
            + "<td class=\"\(state.prefix(4).filter { $0 != ":" })\">\(escaped(state))</td></tr>"
    }

    private func text(_ cost: ExactDecimal?, _ account: AccountOverview) -> String {
        cost.map { $0.doubleValue.dollarText + (account.isCostEstimated ? " <small>estimated</small>" : "") } ?? "–"
    }

    /// The sum of known charges, with the number of accounts if it is not all of them.
    private func sum(_ cost: (AccountOverview) -> ExactDecimal?) -> String {
        let known = accounts.filter { !$0.isCostEstimated }.compactMap(cost)
        guard !known.isEmpty else { return "–" }
        let part = known.count < accounts.count ? " <small>of \(known.count) of \(accounts.count) accounts</small>" : ""
        return known.reduce(.zero, +).doubleValue.dollarText + part
    }
}

extension AccountOverview {
    /// Whether the last sync of one of its sources failed.
    var isFailing: Bool { sources.contains { $0.status.isUp == false } }
}
