import UsageLedger
import UsageModel

/// The accounts that are at work, and what a reload changes of them.
actor AccountRoster {
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
        guard let other = replaced.removeValue(forKey: index) else { return }
        await renderer.show(account: index, insteadOf: other)
        await renderer.publish()
    }

    /// Sets all accounts up, and shows what the storage holds of them; what an earlier try has set up is taken back.
    func begin(with builder: AccountBuilder) async throws {
        for index in 0...nextIndex { await renderer.remove(account: index) }
        runs = []
        for account in configuration.accounts {
            let built = try await builder.account(account, index: nextIndex)
            nextIndex += 1
            await renderer.show(account: built.index, insteadOf: nil)
            runs.append(run(of: built))
        }
        for run in runs { arrival.yield(run) }
    }

    /// Takes a new config over: an account that did not change goes on undisturbed, one that did is stopped and begins
    /// anew from the storage, so that its series stay where they were.
    ///
    /// - Throws: what setting an account up throws; accounts taken over by then stay so, all others go on as before.
    func reload(_ newest: ExporterConfiguration, with builder: AccountBuilder) async throws {
        guard !isReloading else { throw ReloadUnderWay() }
        isReloading = true
        defer { isReloading = false }
        await showRebuilt()
        let isShownAlike =
            newest.global.windows == configuration.global.windows
            && newest.global.zeroFirst == configuration.global.zeroFirst
        for gone in runs where !newest.accounts.contains(where: { $0.name == gone.account.name }) {
            await gone.stop()
            await renderer.remove(account: gone.account.index)
            readiness.forget(gone.account.name)
            runs.removeAll { $0 === gone }
        }
        for account in newest.accounts {
            let before = runs.firstIndex { $0.account.name == account.name }
            if let before, isShownAlike, runs[before].account.configuration == account { continue }
            let old = before.map { runs[$0] }
            await old?.stop()
            let built: ExporterAccount
            do {
                built = try await builder.account(account, index: nextIndex)
            } catch {
                await renderer.remove(account: nextIndex)
                if let before, let old {
                    runs[before] = run(of: old.account)
                    arrival.yield(runs[before])
                }
                throw error
            }
            nextIndex += 1
            await renderer.show(account: built.index, insteadOf: old?.account.index)
            let run = run(of: built)
            if let before { runs[before] = run } else { runs.append(run) }
            arrival.yield(run)
        }
        let order = Dictionary(
            newest.accounts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        runs.sort { order[$0.account.name, default: 0] < order[$1.account.name, default: 0] }
        configuration = newest
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
public struct ReloadUnderWay: Error, CustomStringConvertible {
    /// What to do.
    public var description: String { "a reload is under way already; ask again when it is done" }
}
