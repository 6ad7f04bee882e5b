import ExporterCore
import Testing
import UsageModel

@testable import ExporterWeb

@Suite struct StatusPageTests {
    private let now = Timestamp(milliseconds: 1_795_186_800_000)

    private func account(
        name: String = "media", models: [String: ExactDecimal] = [:], error: String? = nil,
        budgets: [AccountOverview.Budget] = [], isEstimated: Bool = false, past: (Int) -> ExactDecimal = { _ in .zero }
    ) -> AccountOverview {
        var status = SyncStatus()
        status.isUp = error == nil
        status.lastError = error
        status.lastSuccess = now - .minutes(5)
        status.dataThrough = now - .minutes(5)
        let days = (0..<30).map {
            AccountOverview.Day(
                day: now.day.advanced(by: $0 - 29), costByModel: $0 == 29 ? models : ["past": past(29 - $0)])
        }
        return AccountOverview(
            name: name, provider: "wavespeed",
            sources: [.init(name: "usage_stats", status: status, reportsUsage: true)],
            costFrom: days.first?.day, isCostEstimated: isEstimated, days: days, costThisMonth: ExactDecimal(1234),
            successRatio: 0.9999,
            balance: 49.36, budgets: budgets)
    }

    private func page(_ accounts: AccountOverview...) -> String {
        StatusPage(accounts: accounts, telemetryPath: "/metrics", now: now).html
    }

    @Test("external values are escaped") func escaping() {
        let evil = "<script>alert('x')</script>\"&"
        let page = page(account(name: evil, models: [evil: ExactDecimal(1)], error: evil))
        #expect(!page.contains("<script"))
        #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"))
    }

    @Test("extreme values do not crash") func extremeValues() {
        let page = page(
            account(budgets: [
                .init(name: "key", limit: 1e-10, spent: 9e14, resets: nil),
                .init(
                    name: "key", limit: .leastNonzeroMagnitude, spent: .greatestFiniteMagnitude,
                    resets: nil),
            ]))
        #expect(page.contains("$900000000000000"))
    }

    @Test("bidirectional control characters are shown as text") func bidiControls() {
        let page = page(account(name: "a\u{202E}b", models: ["x\u{2066}y": ExactDecimal(1)]))
        #expect(page.contains("a[U+202E]b") && page.contains("x[U+2066]y"))
        #expect(!page.unicodeScalars.contains { $0.properties.isBidiControl })
    }

    @Test("a model with the name of the rest has its own colour") func modelNamedOthers() throws {
        let page = page(account(models: ["others": ExactDecimal(5), "flux": ExactDecimal(1)], past: { _ in .zero }))
        let legend = try #require(page.firstMatch(of: /<ul class="legend">(.*?)<\/ul>/)).1
        #expect(legend.contains(/class="c0"[^>]*\/><\/svg> others/))
    }

    @Test("links have the prefix of the reverse proxy") func linkPrefix() {
        let page = StatusPage(accounts: [], telemetryPath: "/metrics", linkPrefix: "/genai", now: now).html
        #expect(page.contains("href=\"/genai/metrics\"") && page.contains("href=\"/genai/-/ready\""))
    }

    @Test("figures are formatted") func formatting() {
        let page = page(account(models: ["flux": ExactDecimal(5)]))
        for text in ["$5.00", "$1,234.00", "$49.36", "99.9%", "5 min ago", "1 account, no failing source."] {
            #expect(page.contains(text), "\(text)")
        }
    }

    @Test("unknown cost is not shown as today's") func unknownCost() {
        var status = SyncStatus()
        status.isUp = true
        let page = page(
            AccountOverview(
                name: "ci", provider: "cheapestinference",
                sources: [.init(name: "usage", status: status, reportsUsage: true)],
                costFrom: now.day.advanced(by: 1), isCostEstimated: false, days: [], costThisMonth: nil,
                successRatio: nil, balance: nil,
                budgets: []))
        #expect(page.contains("from 2026-11-21 on"))
        #expect(!page.contains("Cost today"))
        #expect(!page.contains("This month"))
    }

    @Test("a failing source is shown with its error") func failingSource() {
        let page = page(account(error: "the key is wrong"))
        #expect(page.contains("1 account, 1 with a failing source."))
        #expect(page.contains("the key is wrong"))
        #expect(page.contains("class=\"failing\""))
    }

    @Test("a table lists many accounts, failing ones first") func accountsTable() {
        let few = page(account(), account(name: "b"), account(name: "c", error: "no"))
        #expect(!few.contains("All accounts"))
        let many = page(
            account(models: ["m": ExactDecimal(2)]), account(name: "b", models: ["m": ExactDecimal(3)]),
            account(name: "c", error: "no"), account(name: "d"))
        let links = many.matches(of: /<a href="#(account-\d)">(\w+)/).map { "\($0.1) \($0.2)" }
        #expect(links == ["account-2 c", "account-0 media", "account-1 b", "account-3 d"])
        for text in ["down: usage_stats", "<td>$5.00</td><td>$4,936.00</td>"] {
            #expect(many.contains(text), "\(text)")
        }
    }

    @Test("estimates are labelled and not added to charges") func estimates() {
        let page = page(
            account(models: ["m": ExactDecimal(2)]), account(name: "b", models: ["m": ExactDecimal(3)]),
            account(name: "c"), account(name: "clips", models: ["m": ExactDecimal(4)], isEstimated: true))
        for text in [
            "<td>$4.00 <small>estimated</small></td>", "<dt>Estimated today</dt><dd>$4.00</dd>",
            "<td>$5.00 <small>of 3 of 4 accounts</small></td>", "Estimated cost by day",
        ] {
            #expect(page.contains(text), "\(text)")
        }
    }

    @Test("'Data through' depends on usage sources only") func dataThrough() {
        var usage = SyncStatus()
        var balance = SyncStatus()
        balance.dataThrough = now - .minutes(1)
        func text() -> String {
            page(
                AccountOverview(
                    name: "media", provider: "wavespeed",
                    sources: [
                        .init(name: "usage_stats", status: usage, reportsUsage: true),
                        .init(name: "balance", status: balance, reportsUsage: false),
                    ], costFrom: nil, isCostEstimated: false, days: [], costThisMonth: nil, successRatio: nil,
                    balance: 1, budgets: []))
        }
        #expect(text().contains("<dt>Data through</dt><dd>not yet</dd>"))
        usage.dataThrough = now - .minutes(20)
        #expect(text().contains("<dt>Data through</dt><dd>20 min ago</dd>"))
    }

    @Test("notices about the exporter are shown") func notices() {
        let page = StatusPage(accounts: [], telemetryPath: "/metrics", now: now, notices: ["<b> is wrong"]).html
        #expect(page.contains("role=\"alert\">&lt;b&gt; is wrong</p>"))
    }

    @Test("a balance has the days for which it lasts") func balance() {
        let spending = account(models: ["m": ExactDecimal(90)], past: { ExactDecimal($0 <= 7 ? 10 : 90) })
        // The current day does not count.
        #expect(page(spending).contains("Balance $49.36: about 4 days at the last week's pace"))
        #expect(page(account()).contains("<dt>Balance</dt><dd>$49.36</dd>"))
    }

    @Test("a budget is a labelled meter") func budget() {
        let budget = AccountOverview.Budget(name: "media", limit: 500, spent: 460, resets: nil)
        let words = "Budget media: $460.00 of $500.00 (92%)"
        #expect(page(account(budgets: [budget])).contains(words))
        let shared = StatusPage(accounts: [], budgets: [budget], telemetryPath: "/metrics", now: now).html
        #expect(shared.contains("Budgets over accounts"))
        #expect(shared.contains(words))
        #expect(!page(account()).contains("Budgets over accounts"))
    }

    @Test("a budget has its unit, and what the provider does not split") func budgetOfCredits() {
        let budget = AccountOverview.Budget(
            name: "agents", unit: "diem", limit: 2000, spent: 1500, unattributed: 0.25, resets: nil)
        let words = "Budget agents: 1,500.00 diem of 2,000.00 diem (75%), and 0.2500 diem that may belong to it"
        #expect(page(account(budgets: [budget])).contains(words))
    }

    @Test("ids are unique, and every chart has a name") func ids() {
        let html = page(account(models: ["a": ExactDecimal(1)]), account(name: "b", models: ["a": ExactDecimal(1)]))
        let ids = html.matches(of: /id="([^"]+)"/).map { String($0.1) }
        #expect(Set(ids).count == ids.count)
        for label in html.matches(of: /aria-labelledby="([^"]+)"/) { #expect(ids.contains(String(label.1))) }
    }

    @Test(
        "amounts are formatted in dollars",
        arguments: [
            (0, "$0.00"), (0.00042, "$0.0004"), (0.5, "$0.5000"), (1, "$1.00"), (999.999, "$1,000.00"),
            (1_234_567.891, "$1,234,567.89"), (-3.5, "-$3.50"),
        ])
    func dollars(value: Double, text: String) {
        #expect(value.dollarText == text)
    }
}
