import Upstream
import UsageLedger
import UsageModel

/// Starts and stops the accounts, and applies config reloads to them.
actor AccountSupervisor {
    /// Runs for the exporter's task group to execute.
    nonisolated let arrivals: AsyncStream<AccountRun>
    private let arrival: AsyncStream<AccountRun>.Continuation
    private let renderer: MetricsRenderer
    private let budgetBook: BudgetBook
    private let readiness: Readiness
    private(set) var configuration: ExporterConfiguration
    private var runs: [AccountRun] = []
    private var nextIndex = 0
    private var isReloading = false
    /// Hidden accounts whose sources were not all tried since a rebuild, and the account that is shown instead of each.
    private var replaced: [Int: Int] = [:]
    /// Whether no source runs, because the storage could not be reopened yet.
    private(set) var isHalted = false

    init(
        _ configuration: ExporterConfiguration, renderer: MetricsRenderer, budgetBook: BudgetBook,
        readiness: Readiness
    ) {
        self.configuration = configuration
        self.renderer = renderer
        self.budgetBook = budgetBook
        self.readiness = readiness
        (arrivals, arrival) = AsyncStream.makeStream()
    }

    /// The accounts in the order of the config.
    var accounts: [ExporterAccount] { runs.map(\.account) }

    /// The accounts with the indexes under which they are served now.
    var places: [AccountPlace] {
        accounts.map { AccountPlace(name: $0.name, provider: $0.provider, index: shownIndex(of: $0)) }
    }

    private func shownIndex(of account: ExporterAccount) -> Int { replaced[account.index] ?? account.index }

    /// Shows the accounts that are hidden since a rebuild.
    func showRebuilt() async {
        for index in replaced.keys { await showRebuilt(index) }
    }

    private func showRebuilt(_ index: Int) async {
        guard let other = replaced.removeValue(forKey: index),
            let account = accounts.first(where: { $0.index == index })
        else { return }
        await show(account, insteadOf: other)
        await renderer.publish()
    }

    private func show(_ account: ExporterAccount, insteadOf other: Int?) async {
        let snapshot = await renderer.show(account: account.index, insteadOf: other)
        await account.accountRenderer.appeared(in: snapshot)
    }

    /// Builds all accounts and shows their stored series. Accounts of an earlier attempt are removed first.
    func begin(with builder: AccountBuilder) async throws {
        for index in 0...nextIndex { await renderer.remove(account: index) }
        runs = []
        for account in configuration.accounts {
            let built = try await builder.account(account, index: nextIndex)
            nextIndex += 1
            await show(built, insteadOf: nil)
            runs.append(run(of: built))
        }
        for run in runs { arrival.yield(run) }
    }

    /// Applies a new config. Unchanged accounts continue; changed ones are stopped and built again from the storage, so
    /// that their series continue.
    ///
    /// - Throws: errors of building an account; then nothing is applied, and every account continues as before.
    func reload(_ newest: ExporterConfiguration, with builder: AccountBuilder) async throws {
        guard !isReloading else { throw ReloadUnderWay() }
        isReloading = true
        defer { isReloading = false }
        await showRebuilt()
        let areGlobalsEqual =
            newest.global.windows == configuration.global.windows
            && newest.global.zeroFirst == configuration.global.zeroFirst
            && newest.global.retention == configuration.global.retention
            && newest.budgets == configuration.budgets
            && (newest.owners == configuration.owners || newest.budgets.allSatisfy { $0.filter.owner == nil })
        let continuing = runs.filter { run in
            areGlobalsEqual && newest.accounts.contains(run.account.configuration)
        }
        let stopped = runs.filter { run in !continuing.contains { $0 === run } }
        for run in stopped { await run.stop() }
        let built: [ExporterAccount]
        do {
            built = try await build(
                newest.accounts.filter { account in !continuing.contains { $0.account.name == account.name } },
                with: builder)
        } catch {
            for run in stopped {
                try? await builder.restore(run.account)
                let again = self.run(of: run.account)
                if let index = runs.firstIndex(where: { $0 === run }) { runs[index] = again }
                arrival.yield(again)
            }
            throw error
        }
        runs = continuing
        for account in built {
            let old = stopped.first { $0.account.name == account.name }?.account
            if let old { await account.takeRequests(of: old) }
            await show(account, insteadOf: old?.index)
            runs.append(run(of: account))
        }
        for run in stopped where !built.contains(where: { $0.name == run.account.name }) {
            await renderer.remove(account: run.account.index)
            readiness.forget(run.account.name)
        }
        for run in runs.dropFirst(continuing.count) { arrival.yield(run) }
        let order = Dictionary(
            newest.accounts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        runs.sort { order[$0.account.name, default: 0] < order[$1.account.name, default: 0] }
        configuration = newest
        try await budgetBook.configure(newest)
        for run in continuing { await run.account.accountRenderer.show(newest.owners) }
    }

    /// Builds all of the accounts or none.
    private func build(
        _ accounts: [AccountConfiguration], with builder: AccountBuilder
    ) async throws -> [ExporterAccount] {
        var built: [ExporterAccount] = []
        for account in accounts {
            do {
                built.append(try await builder.account(account, index: nextIndex))
                nextIndex += 1
            } catch {
                for index in built.map(\.index) + [nextIndex] { await renderer.remove(account: index) }
                throw error
            }
        }
        return built
    }

    /// Builds every account again from the storage, which `reopen` reopens after all sources have stopped. The old
    /// series of an account are served until each source was tried once, so that no scrape sees an empty ledger.
    ///
    /// - Throws: errors of `reopen` and of building an account: call it again later.
    func rebuild(with builder: AccountBuilder, reopen: () async throws -> Void) async throws {
        guard !isReloading else { throw ReloadUnderWay() }
        isReloading = true
        defer { isReloading = false }
        isHalted = true
        for run in runs { await run.stop() }
        try await reopen()
        for index in runs.indices {
            let old = runs[index].account
            let built: ExporterAccount
            do {
                built = try await builder.account(old.configuration, index: nextIndex)
            } catch {
                await renderer.remove(account: nextIndex)
                throw error
            }
            nextIndex += 1
            await built.takeRequests(of: old)
            replaced[built.index] = shownIndex(of: old)
            if replaced.removeValue(forKey: old.index) != nil { await renderer.remove(account: old.index) }
            runs[index] = run(of: built)
        }
        isHalted = false
        for run in runs { arrival.yield(run) }
    }

    private func run(of account: ExporterAccount) -> AccountRun {
        AccountRun(account) { [readiness] in
            readiness.forget(account.name)
            await self.showRebuilt(account.index)
        }
    }
}

/// A reload was requested during another one.
package struct ReloadUnderWay: Error, CustomStringConvertible {
    package var description: String { "another reload is in progress; try again when it has finished" }
}

/// A configured account with its index in snapshots.
package struct AccountPlace: Sendable, Hashable {
    /// The label `account`.
    package let name: String
    /// The label `provider`.
    package let provider: String
    /// The account's index in snapshots.
    package let index: Int
}

/// A built account.
struct ExporterAccount: Sendable {
    let id: AccountID
    /// The account's index in the renderer.
    let index: Int
    let configuration: AccountConfiguration
    let provider: String
    let accountRenderer: AccountRenderer
    let runners: [SourceRunner]
    let skew: ClockSkew
    /// The connection settings of its API.
    let upstream: UpstreamSettings

    var name: String { configuration.name }

    /// Adopts requests to read days again that an earlier build of the account has not served.
    func takeRequests(of earlier: ExporterAccount) async {
        for runner in runners {
            guard let other = earlier.runners.first(where: { $0.name == runner.name }) else { continue }
            await runner.takeRequest(of: other)
        }
    }

    func overview() async throws -> AccountOverview {
        var sources: [AccountOverview.Source] = []
        for runner in runners {
            sources.append(
                AccountOverview.Source(
                    name: runner.name, status: await runner.status, reportsUsage: runner.reportsUsage))
        }
        return try await accountRenderer.overview(sources: sources)
    }
}
