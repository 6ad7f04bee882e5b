import ExporterCore
import UsageModel

/// Cost by UTC day as an SVG chart of bars stacked by model, and as a table.
struct CostChart {
    private static let width = 600.0
    private static let height = 120.0
    /// Number of bars; fewer days are aligned to the right.
    private static let slots = 30
    /// Models with a colour of their own; the others share one.
    private static let shownModels = 5

    let account: String
    let days: [AccountOverview.Day]
    let id: String
    let isEstimated: Bool

    private var what: String { isEstimated ? "Estimated cost" : "Cost" }

    private var models: [String] {
        var totals: [String: ExactDecimal] = [:]
        for day in days { totals.merge(day.costByModel) { $0 + $1 } }
        return totals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(Self.shownModels).map(\.key)
    }

    var html: String {
        let models = models
        let highest = days.map { $0.cost.doubleValue }.max() ?? 0
        let total = days.reduce(ExactDecimal.zero) { $0 + $1.cost }
        guard highest > 0, let first = days.first, let last = days.last else {
            return "<p>No \(isEstimated ? "estimated " : "")cost in the last \(days.count) days.</p>"
        }
        return """
            <figure>
            <svg viewBox="0 0 600 120" role="img" aria-labelledby="\(id)-title" preserveAspectRatio="none">
            <title id="\(id)-title">\(what) by day, \(first.day) to \(last.day): \(total.doubleValue.dollarText) in all, \
            \(highest.dollarText) at most in a day</title>
            \(days.enumerated().map { bar($0, $1, models, highest) }.joined())
            </svg>
            <figcaption><span>\(first.day)</span> <span>\(days.count == 1 ? "1 day" : "\(days.count) days"): \(total.doubleValue.dollarText), at most \
            \(highest.dollarText) a day</span> <span>today</span></figcaption>
            <ul class="legend">\(legend(models))</ul>
            <details><summary>Figures by day</summary>
            <div class="scroll" role="region" aria-label="\(what) by day and model of \(escaped(account))" \
            tabindex="0">\(table(models))</div>
            </details>
            </figure>
            """
    }

    /// A day's cost by the models that have a colour, then the rest.
    private func parts(_ day: AccountOverview.Day, _ models: [String]) -> [ExactDecimal] {
        let shown = models.map { day.costByModel[$0] ?? .zero }
        return shown + [day.cost - shown.reduce(.zero, +)]
    }

    private func bar(_ index: Int, _ day: AccountOverview.Day, _ models: [String], _ highest: Double) -> String {
        let slot = Self.width / Double(Self.slots)
        let column = Double(Self.slots - days.count + index)
        var top = Self.height
        var bar = ""
        for (colour, part) in parts(day, models).enumerated() where part > .zero {
            let height = part.doubleValue / highest * Self.height
            top -= height
            bar +=
                "<rect class=\"c\(colour)\" x=\"\((column * slot).short)\" y=\"\(max(0, top).short)\" "
                + "width=\"\((slot * 0.8).short)\" height=\"\(height.short)\"/>"
        }
        return bar
    }

    private func legend(_ models: [String]) -> String {
        let names = models.map { $0.isEmpty ? "no model" : $0 }
        let hasRest = days.contains { (parts($0, models).last ?? .zero) > .zero }
        // The rest comes after the models, as in the bars, and has the next colour, because a model may have its name.
        return (names + (hasRest ? ["others"] : [])).enumerated().map { colour, name in
            "<li><svg width=\"10\" height=\"10\" aria-hidden=\"true\"><rect class=\"c\(colour)\" "
                + "width=\"10\" height=\"10\"/></svg> \(escaped(name))</li>"
        }.joined()
    }

    private func table(_ models: [String]) -> String {
        let names = models.map { $0.isEmpty ? "no model" : $0 } + ["others"]
        let head = (["Day"] + names + ["Sum"]).map { "<th scope=\"col\">\(escaped($0))</th>" }.joined()
        let rows = days.reversed().map { day in
            let figures = parts(day, models) + [day.cost]
            return "<tr><th scope=\"row\">\(day.day)</th>"
                + figures.map { "<td>\($0.doubleValue.dollarText)</td>" }.joined() + "</tr>"
        }
        return "<table><thead><tr>\(head)</tr></thead><tbody>\(rows.joined(separator: "\n"))</tbody></table>"
    }
}

extension Double {
    /// Two decimals: finer than a pixel.
    fileprivate var short: String { "\((self * 100).rounded() / 100)" }
}
