import TestSupport
import Testing
import UsageLedger
import UsageModel

@testable import ExporterCore

@Suite struct AccountRendererTests {
    private static let slice = SliceID(period: friday.day.period)

    /// Requests of a model, each with a duration of 2 seconds.
    private func reading(requests: Int) -> Reading {
        let labels = ["imagen-4", "post-videos"]
        return reading([
            Cell(.requests, ["", "imagen-4"], ExactDecimal(requests)),
            Cell(.duration, labels + [LedgerFamily.durationBound(5)], ExactDecimal(requests)),
            Cell(.duration, labels + [LedgerFamily.durationSum], ExactDecimal(2 * requests)),
        ])
    }

    private func requests(_ count: Int, of model: String) -> Reading {
        reading([Cell(.requests, ["", model], ExactDecimal(count))])
    }

    private func reading(_ cells: [Cell]) -> Reading {
        var reading = Reading()
        reading.slices = [SliceReading(Self.slice, cells: cells, readAt: friday)]
        reading.completesHistory = true
        return reading
    }

    /// Runs a body with a new ledger with one account that begins today.
    private func withStudio(_ body: (UsageLedger, LedgerAccount) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let ledger = try await UsageLedger.open(folder: folder, families: .common, now: friday)
            let account = try await ledger.registerAccount(
                "studio", provider: "useapi", proposedStart: friday.day.start, now: friday)
            try await body(ledger, account)
            try await ledger.close()
        }
    }

    /// Two bots of one account share a series; which one's task resumes first after its commit is random.
    @Test("sources that share series may report in any order", arguments: [false, true])
    func sharedSeries(isRenamed: Bool) async throws {
        try await withStudio { ledger, account in
            let clock = ManualClock(friday)
            var options = LabelOptions()
            if isRenamed { options.rename = ["model": ["imagen-4": "imagen"]] }
            let shown = try Shown(account, ledger, view: LabelView(options, salt: "salt", limit: 100), clock: clock)
            var changes: [(LedgerChange, LedgerSource)] = []
            for (name, requests) in [("stats/a", 1), ("stats/b", 2)] {
                let source = try await ledger.registerSource(name, of: account.id)
                let change = try await ledger.commit(
                    reading(requests: requests), to: source.id, now: friday)
                changes.append((change, source))
            }
            for (change, source) in changes.reversed() {
                try await shown.accountRenderer.show(change, SyncStatus(), of: source)
            }
            let scrape = try await shown.scrape()
            let model = isRenamed ? "imagen" : "imagen-4"
            #expect(scrape.value("genai_requests_total", ["model": model]) == 3)
            let durations = scrape.samples("genai_request_duration_seconds")
            #expect(durations.first { $0.name.hasSuffix("_count") }?.value == 3)
            #expect(durations.first { $0.name.hasSuffix("_sum") }?.value == 6)
            #expect(durations.allSatisfy { $0.labels["model"] == model })
            #expect(scrape.value("genai_series") == 3)
        }
    }

    /// After a restart the series are read in batches; most of them are folded into shared series.
    @Test("a restart shows many series as before")
    func manySeries() async throws {
        try await withStudio { ledger, account in
            let clock = ManualClock(friday)
            let source = try await ledger.registerSource("stats", of: account.id)
            let models = 3_000
            let cells = (0..<models).flatMap { model in
                let labels = ["", "model-\(model)"]
                return [
                    Cell(.requests, labels, ExactDecimal(4)), Cell(.outcomes, labels + ["success"], ExactDecimal(3)),
                    Cell(.outcomes, labels + ["failure"], ExactDecimal(1)),
                    Cell(.duration, ["model-\(model)", "post-videos", LedgerFamily.durationBound(5)], ExactDecimal(4)),
                    Cell(.duration, ["model-\(model)", "post-videos", LedgerFamily.durationSum], ExactDecimal(8)),
                ]
            }
            var status = SyncStatus()
            status.coverage = ["": Coverage([friday.day.period])]
            let view = LabelView(LabelOptions(), salt: "salt", limit: 100)

            let before = try Shown(account, ledger, view: view, clock: clock)
            let restored = AccountRenderer.Source(
                stored: source, status: status, reportsCost: false, costViews: [], reportsUsage: true)
            try await before.accountRenderer.restore(account: account, sources: [restored])
            let change = try await ledger.commit(reading(cells), to: source.id, now: friday)
            try await before.accountRenderer.show(change, status, of: source)
            let after = try Shown(account, ledger, view: view, clock: clock)
            try await after.accountRenderer.restore(account: account, sources: [restored])

            let scrape = try await after.scrape()
            #expect(scrape.values("genai_requests_total", by: "account", account: "studio") == ["studio": 12_000])
            #expect(scrape.value("genai_series_overflowed_total") == 14_900)
            #expect(scrape.value("genai_window_requests", ["model": "model-0", "window": "today"]) == 4)
            #expect(scrape.value("genai_window_success_ratio", ["model": "model-0", "window": "today"]) == 0.75)
            #expect(scrape.value("genai_window_success_ratio", ["model": "__other__", "window": "today"]) == 0.75)
            let others = try await before.scrape()
            for family in [
                "genai_requests_total", "genai_request_outcomes_total", "genai_request_duration_seconds",
                "genai_window_requests",
                "genai_window_success_ratio", "genai_series", "genai_series_overflowed_total",
            ] {
                #expect(!others.samples(family).isEmpty)
                #expect(Set(scrape.samples(family)) == Set(others.samples(family)), "\(family)")
            }
        }
    }

    enum Update: CaseIterable {
        case status, usage, nothing
    }

    /// Any update after midnight moves every source's windows, before and after a tick of the new day.
    @Test("any update after midnight moves the windows of every source", arguments: Update.allCases)
    func midnight(_ update: Update) async throws {
        try await withStudio { ledger, account in
            let clock = ManualClock(friday)
            let view = LabelView(LabelOptions(), salt: "salt", limit: 100)
            let shown = try Shown(account, ledger, view: view, clock: clock)
            var status = SyncStatus()
            status.coverage = ["": Coverage([friday.day.period])]
            var sources: [LedgerSource] = []
            for model in ["a", "b"] { sources.append(try await ledger.registerSource(model, of: account.id)) }
            try await shown.accountRenderer.restore(
                account: account,
                sources: sources.map {
                    AccountRenderer.Source(
                        stored: $0, status: status, reportsCost: false, costViews: [], reportsUsage: true)
                })
            for (source, model) in zip(sources, ["a", "b"]) {
                let change = try await ledger.commit(
                    requests(3, of: model), to: source.id, now: friday)
                try await shown.accountRenderer.show(change, status, of: source)
            }
            let today = try await shown.scrape()
            #expect(today.value("genai_window_requests", ["model": "b", "window": "today"]) == 3)
            #expect(today.value("genai_window_requests", ["model": "b", "window": "yesterday"]) == nil)

            clock.move(to: friday.day.advanced(by: 1).start + .seconds(1))
            switch update {
            case .status:
                try await shown.accountRenderer.show(LedgerChange(), status, of: sources[0])
            case .usage:
                let change = try await ledger.commit(
                    requests(4, of: "a"), to: sources[0].id, now: clock.now)
                try await shown.accountRenderer.show(change, status, of: sources[0])
            case .nothing:
                #expect(try await shown.accountRenderer.tick())
            }
            let next = try await shown.scrape()
            for model in ["a", "b"] {
                let requests = update == .usage && model == "a" ? 4.0 : 3
                #expect(next.value("genai_window_requests", ["model": model, "window": "today"]) == nil)
                #expect(next.value("genai_window_requests", ["model": model, "window": "yesterday"]) == requests)
            }
        }
    }

    /// A restore that is cancelled while it reads throws, so that its partial result is not used.
    @Test("a cancelled restore throws")
    func cancelledRestore() async throws {
        try await withStudio { ledger, account in
            let view = LabelView(LabelOptions(), salt: "salt", limit: 100)
            let shown = try Shown(account, ledger, view: view, clock: ManualClock(friday))
            let restoring = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await shown.accountRenderer.restore(account: account, sources: [])
            }
            await #expect(throws: CancellationError.self) { try await restoring.value }
            try await shown.accountRenderer.restore(account: account, sources: [])
            #expect(try await shown.scrape().value("genai_series") == 0)
        }
    }

    /// A renderer and its output.
    private struct Shown {
        let accountRenderer: AccountRenderer
        private let store = SnapshotStore()
        private let renderer: MetricsRenderer

        init(_ account: LedgerAccount, _ ledger: UsageLedger, view: LabelView, clock: ManualClock) throws {
            renderer = try MetricsRenderer(publishingTo: store)
            accountRenderer = AccountRenderer(
                AccountRenderer.Identity(index: 0, provider: "useapi", name: "studio"), account: account,
                ledger: ledger, renderer: renderer,
                budgetBook: BudgetBook(ExporterConfiguration(accounts: []), renderer: renderer, clock: clock),
                options: AccountRenderer.Options(
                    windows: [.today, .yesterday], zeroFirst: .zero, view: view, seriesLimit: view.limit,
                    overflowed: 0, budgets: [], owners: Owners()),
                clock: clock)
        }

        func scrape() async throws -> Scrape {
            await renderer.publish()
            return try Scrape(store.current.body(.openMetrics100, .identity).bytes, format: .openMetrics100)
        }
    }
}
