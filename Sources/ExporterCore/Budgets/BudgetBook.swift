import UsageModel

/// Renders the budgets that several accounts may share. An account's own budgets are rendered with the account.
actor BudgetBook {
    /// The index under which these series are rendered, after those of all accounts.
    private static let index = 1 << 40

    private struct Share: Hashable {
        let budget: Budget
        let account: String
    }

    private let renderer: MetricsRenderer
    private let clock: any WallClock
    private var configuration: ExporterConfiguration
    /// The newest part of each account, with the account's index: a rebuilt account has a higher one, and nil where it
    /// reports no money spent.
    private var parts: [Share: (index: Int, part: BudgetPart?)] = [:]
    private var isRendering = false
    private var isChanged = false
    private var renderedAt = Timestamp(milliseconds: 0)

    init(_ configuration: ExporterConfiguration, renderer: MetricsRenderer, clock: any WallClock) {
        self.configuration = configuration
        self.renderer = renderer
        self.clock = clock
    }

    /// Applies a new config, and forgets accounts that it does not have.
    func configure(_ newest: ExporterConfiguration) async throws {
        configuration = newest
        let names = Set(newest.accounts.map(\.name))
        parts = parts.filter { names.contains($0.key.account) && newest.budgets.contains($0.key.budget) }
        try await render()
    }

    /// Applies an account's parts of shared budgets; nil for an account that reports no money spent.
    func take(_ new: [Budget: BudgetPart?], of account: AccountRenderer.Identity) async throws {
        guard !new.isEmpty else { return }
        var isNew = false
        for (budget, part) in new {
            let share = Share(budget: budget, account: account.name)
            let earlier = parts[share]
            // A renderer that was replaced may still be running.
            guard earlier.map({ $0.index <= account.index }) ?? true else { continue }
            isNew = isNew || earlier == nil || earlier?.part != part
            parts[share] = (account.index, part)
        }
        // Every account passes its parts on once a minute, because the time at which a limit is passed depends on the time.
        guard isNew || clock.now - renderedAt >= .minutes(1) || clock.now < renderedAt else { return }
        try await render()
    }

    /// The gauges of each budget, without labels of an account.
    var figures: [[GaugeFamily: [GaugeSample]]] {
        configuration.budgets.compactMap { budget in
            let accounts = configuration.accounts(of: budget).map(\.name)
            guard !budget.filter.isOfOneAccount, !accounts.isEmpty else { return nil }
            let shares = accounts.map { parts[Share(budget: budget, account: $0)] }
            // An account that reports no money spent has no part.
            let counted = shares.filter { $0.map { $0.part != nil } ?? true }.map { $0?.part }
            return BudgetFigures(budget: budget, parts: counted, now: clock.now, isShared: true).gauges
        }
    }

    /// Renders until nothing has changed meanwhile, one rendering at a time, so that an older one is never applied last.
    private func render() async throws {
        isChanged = true
        guard !isRendering else { return }
        isRendering = true
        defer { isRendering = false }
        while isChanged {
            isChanged = false
            renderedAt = clock.now
            try await renderer.apply(changes)
        }
    }

    private var changes: [SeriesChange] {
        var samples: [GaugeFamily: [GaugeSample]] = [:]
        for gauges in figures { samples.merge(gauges, uniquingKeysWith: +) }
        return GaugeFamily.budgets.map { family in
            SeriesChange.replace(
                family: family.name, account: Self.index,
                samples: samples[family, default: []].map { ShownSample(["", ""] + $0.labels, $0.value) })
        }
    }
}
