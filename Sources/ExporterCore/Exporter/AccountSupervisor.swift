import Upstream
import UsageLedger
import UsageModel

/// The accounts that are at work, and what a reload changes of them.
actor AccountSupervisor {
    /// Runs that have begun and want to be carried out.
    nonisolated let arrivals: AsyncStream<AccountRun>
    private let arrival: AsyncStream<AccountRun>.Continuation
    private let renderer: MetricsRenderer
    private let readiness: Readiness
    private(set) var configuration: ExporterConfiguration
    private var runs: [AccountRun] = []
    private var nextIndex = 0
    private var isReloading = false
    /// Accounts whose sources were not all asked yet since a rebuild, and what is shown in the place of each.
    private var replaced: [Int: Int] = [:]
    /// Whether no source is at work, since the storage could not be opened anew yet.
    private(set) var isHalted = false

    init(_ configuration: ExporterConfiguration, renderer: MetricsRenderer, readiness: Readiness) {
        self.configuration = configuration
        self.renderer = renderer
        self.readiness = readiness
        (arrivals, arrival) = AsyncStream.makeStream()
    }

    /// The accounts in the order of the config.
    var accounts: [ExporterAccount] { runs.map(\.account) }

    /// The accounts, and where each is shown now.
    var places: [AccountPlace] {
        accounts.map { AccountPlace(name: $0.name, provider: $0.provider, index: shownIndex(of: $0)) }
    }

    private func shownIndex(of account: ExporterAccount) -> Int { replaced[account.index] ?? account.index }

    /// Shows the accounts that a rebuild has left hidden.
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

    /// Sets all accounts up, and shows what the storage holds of them; what an earlier try has set up is taken back.
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

    /// Applies a new config: an account that did not change continues undisturbed, one that did is stopped and set up
    /// again from the storage, so that its series stay where they were.
    ///
    /// - Throws: what setting an account up throws; then nothing is applied, and every account continues as before.
    func reload(_ newest: ExporterConfiguration, with builder: AccountBuilder) async throws {
        guard !isReloading else { throw ReloadUnderWay() }
        isReloading = true
        defer { isReloading = false }
        await showRebuilt()
        let isShownAlike =
            newest.global.windows == configuration.global.windows
            && newest.global.zeroFirst == configuration.global.zeroFirst
        let continuing = runs.filter { run in
            isShownAlike && newest.accounts.contains(run.account.configuration)
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
    }

    /// Sets accounts up, all of them or none.
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

    /// Has every account begin anew from the storage, which `reopen` opens anew once no source is at work. What was shown
    /// of an account is shown on until each of its sources was asked once, so that no scrape finds the new ledger empty.
    ///
    /// - Throws: what `reopen` and setting an account up throw: call it again later.
    func rebuild(with builder: AccountBuilder, reopen: () async throws -> Void) async throws {
        guard !isReloading else { throw ReloadUnderWay() }
        isReloading = true
        defer { isReloading = false }
        isHalted = true
        for run in runs { await run.stop() }
        try await reopen()
        for place in runs.indices {
            let old = runs[place].account
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
            runs[place] = run(of: built)
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

/// A reload was asked for while another was being carried out.
package struct ReloadUnderWay: Error, CustomStringConvertible {
    /// What to do.
    package var description: String { "a reload is under way already; ask again when it is done" }
}

/// A configured account as readers address it.
package struct AccountPlace: Sendable, Hashable {
    /// The label `account`.
    package let name: String
    /// The label `provider`.
    package let provider: String
    /// Its place among the accounts, by which a snapshot knows it.
    package let index: Int
}

/// A configured account at work.
struct ExporterAccount: Sendable {
    let id: AccountID
    /// Its place, by which the renderer knows it.
    let index: Int
    let configuration: AccountConfiguration
    let provider: String
    let accountRenderer: AccountRenderer
    let runners: [SourceRunner]
    let skew: ClockSkew
    /// How its API is reached.
    let upstream: UpstreamSettings

    var name: String { configuration.name }

    /// Days that an operator wants read again are not forgotten where the config changed before they were read.
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
