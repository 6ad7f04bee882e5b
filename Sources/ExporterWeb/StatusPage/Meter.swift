import ExporterCore

/// A labelled bar for the share of something that is used or left.
struct Meter {
    /// Identifies the bar on the page.
    let id: String
    /// The label's HTML.
    let label: String
    /// From 0 to 1; larger values fill the bar.
    let share: Double
    /// The class that colors the bar: `within`, `near` or `over`.
    let state: String
    /// The share in words, for browsers without bars.
    let words: String

    var html: String {
        """
        <p class="meter"><label for="\(id)">\(label)</label>
        <meter class="\(state)" id="\(id)" min="0" max="1" value="\(min(max(share, 0), 1))">\(words)</meter></p>
        """
    }
}

extension AccountOverview.Budget {
    /// The budget with its bar; without one while the spent amount is not known.
    ///
    /// - Parameter id: identifies the bar on the page.
    func html(id: String) -> String {
        let name = escaped(name)
        let until = resets.map { ", until \($0.clockText)" } ?? ""
        func amount(_ value: Double) -> String {
            unit.map { "\(value.amountText) \(escaped($0))" } ?? value.dollarText
        }
        guard let spent else { return "<p>Budget \(name): \(amount(limit))\(until).</p>" }
        let rest = unattributed.flatMap { $0 > 0 ? ", and \(amount($0)) that may belong to it" : nil } ?? ""
        let share = limit > 0 ? spent / limit : 1
        let state = share >= 1 ? "over" : share >= 0.9 ? "near" : "within"
        return Meter(
            id: id, label: "Budget \(name): \(amount(spent)) of \(amount(limit)) (\(share.percentText))\(rest)\(until)",
            share: share, state: state, words: share.percentText
        ).html
    }
}

/// The budgets that several accounts may share.
struct SharedBudgets {
    let budgets: [AccountOverview.Budget]

    /// Empty without budgets.
    var html: String {
        guard !budgets.isEmpty else { return "" }
        return """
            <section class="all" aria-labelledby="shared-budgets">
            <h2 id="shared-budgets">Budgets over accounts</h2>
            \(budgets.enumerated().map { $1.html(id: "budget-shared-\($0)") }.joined(separator: "\n"))
            </section>
            """
    }
}
