import ExporterCore
import UsageModel

/// All accounts at a glance, each with a link to its section: what fails comes first, then what costs most.
struct AccountsTable {
    /// Fewer are seen without it.
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

    /// The sum of what was charged, where that is known, and of how many accounts it is.
    private func sum(_ cost: (AccountOverview) -> ExactDecimal?) -> String {
        let known = accounts.filter { !$0.isCostEstimated }.compactMap(cost)
        guard !known.isEmpty else { return "–" }
        let part = known.count < accounts.count ? " <small>of \(known.count) of \(accounts.count) accounts</small>" : ""
        return known.reduce(.zero, +).doubleValue.dollarText + part
    }
}

extension AccountOverview {
    /// Whether one of its sources failed at its last try.
    var isFailing: Bool { sources.contains { $0.status.isUp == false } }
}
