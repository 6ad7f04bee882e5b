import ConfigReading
import Crypto
import Foundation
import Logging
import Providers
import UsageLedger
import UsageModel
import Upstream

/// Builds accounts from their configuration: connections, sources, ledger rows and renderers.
struct AccountBuilder {
    let configuration: ExporterConfiguration
    let ledger: UsageLedger
    let renderer: MetricsRenderer
    let budgetBook: BudgetBook
    let connections: UpstreamConnections
    let storageErrors: StorageErrors
    /// The storage's salt for hashed labels.
    let salt: String
    let environment: Exporter.Environment

    private var clock: any WallClock { environment.clock }

    /// Builds an account and renders its stored series, which stay hidden until `MetricsRenderer.show`.
    func account(_ account: AccountConfiguration, index: Int) async throws -> ExporterAccount {
        let provider = account.provider.type
        await renderer.hide(account: index)
        var logger = environment.logger
        logger[metadataKey: "account"] = "\(account.name)"
        let now = clock.now
        let start = account.ledgerStart.map(LedgerStart.day) ?? .history(account.history)
        let stored = try await ledger.registerAccount(
            account.name, provider: provider.name, proposedStart: start.proposed(now: now), tolerance: start.tolerance,
            now: now)
        try await noteBeginning(start, of: stored, logger)
        let overflowed = try await ledger.applySeriesLimit(account.seriesLimit, to: stored.id)
        let view = LabelView(account.labels, salt: salt, limit: account.seriesLimit)
        let accountRenderer = AccountRenderer(
            AccountRenderer.Identity(index: index, provider: provider.name, name: account.name),
            account: stored, ledger: ledger, renderer: renderer, budgetBook: budgetBook,
            options: AccountRenderer.Options(
                windows: configuration.global.windows,
                zeroFirst: environment.holdsNewSeries ? configuration.global.zeroFirst : nil,
                view: view,
                seriesLimit: account.seriesLimit, overflowed: overflowed,
                budgets: configuration.budgetShares(of: account, view: view), owners: configuration.owners),
            clock: clock)
        let skew = ClockSkew()

        let settings = try settings(of: account, at: provider.defaultBaseURL)
        let access: @Sendable () -> String = { [salt] in account.access(salt: salt) }
        let observers = SyncObservers(skew: skew)
        let pace = provider.requestsPerMinute.map { SharedPace(perMinute: $0, clock: clock) }
        let sources = account.provider.options.sources(
            for: ProviderAccount {
                [connections, environment, logger, salt] source, credential in
                let client = UpstreamClient(
                    settings: settings,
                    credential: account.provider.options.credentials[credential].map {
                        Credential(secret: $0, redaction: environment.redaction)
                    },
                    fingerprintSalt: salt, connections: connections, clock: environment.clock,
                    random: environment.random,
                    observer: observers.observer(of: source), logger: logger)
                return pace.map { PacedAPI(client, pace: $0) } ?? client
            })
        var runners: [SourceRunner] = []
        var restored: [AccountRenderer.Source] = []
        for source in sources {
            let registered = try await ledger.registerSource(source.name, of: stored.id)
            let status = try await status(of: source, registered)
            restored.append(
                AccountRenderer.Source(
                    stored: registered, status: status, reportsCost: source.reportsCost, costViews: source.costViews,
                    reportsUsage: source.slicing != nil || source.countsOnReading))
            logger[metadataKey: "source"] = "\(source.name)"
            runners.append(
                SourceRunner(
                    source, stored: registered, start: start, skew: skew, retention: configuration.global.retention,
                    status: status, ledger: ledger, accountRenderer: accountRenderer, renderer: renderer,
                    observer: observers.observer(of: source.name), access: access,
                    schedule: SyncSchedule(
                        wanted: account.syncInterval, floor: source.minimumInterval, isOwn: account.isSyncIntervalOwn),
                    clock: clock, random: environment.random, storageErrors: storageErrors,
                    redaction: environment.redaction,
                    logger: logger))
        }
        try await accountRenderer.restore(account: stored, sources: restored)
        return ExporterAccount(
            id: stored.id, index: index, configuration: account, provider: provider.name,
            accountRenderer: accountRenderer,
            runners: runners, skew: skew, upstream: settings)
    }

    /// Applies an account's own series limit again, after building its replacement failed.
    func restore(_ account: ExporterAccount) async throws {
        _ = try await ledger.applySeriesLimit(account.configuration.seriesLimit, to: account.id)
    }

    /// Logs a change of `history` or `ledger_start` that is too late to have an effect.
    private func noteBeginning(_ start: LedgerStart, of account: LedgerAccount, _ logger: Logger) async throws {
        let before = try await ledger.exchangeStart(of: account.id, with: "\(start)")
        guard account.isStartFixed, let before, before != "\(start)" else { return }
        logger.warning(
            "the new history or ledger_start has no effect: the account's first sync fixed the start of its counters",
            metadata: ["configured": "\(start)", "counters_begin": "\(account.ledgerStart)"])
    }

    /// The stored status of a source. The coverage is computed from its slices, if it has any.
    private func status(of source: any UsageSource, _ stored: LedgerSource) async throws -> SyncStatus {
        var status =
            stored.status.flatMap { try? JSONDecoder().decode(SyncStatus.self, from: Data($0.utf8)) } ?? SyncStatus()
        if let slicing = source.slicing, stored.isHistoryComplete {
            let plan = SlicePlan(
                states: try await ledger.states(of: stored.id), slicing: slicing, ledgerStart: stored.ledgerStart,
                now: clock.now)
            status.coverage = ["": plan.coverage]
        }
        return status
    }

    private func settings(of account: AccountConfiguration, at defaultBaseURL: String) throws -> UpstreamSettings {
        try UpstreamSettings(
            baseURL: account.baseURL ?? defaultBaseURL, requestTimeout: account.timeout,
            proxy: account.proxy, certificateAuthorityFile: account.caFile,
            version: BuildInformation.version)
    }
}

extension AccountConfiguration {
    /// A keyed hash of the secrets and settings that the API is queried with. It changes when the operator may have
    /// fixed a failure.
    fileprivate func access(salt: String) -> String {
        let options = provider.options
        let secrets = options.credentials.map { (name: "\($0)", value: (try? $1.value()) ?? "") }
            .sorted { $0.name < $1.name }.map(\.value)
        let parts =
            secrets + options.scope + [baseURL ?? "", proxy.map { "\($0) \($0.user ?? "")" } ?? "", caFile ?? ""]
            + [BuildInformation.version]
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(parts.joined(separator: "\n").utf8), using: SymmetricKey(data: Data(salt.utf8)))
        return Data(code.prefix(12)).base64EncodedString()
    }
}

extension Credential {
    /// A configured secret. A file is read again at each use, so that rotation needs no restart.
    fileprivate init(secret: SecretSource, redaction: LogRedaction) {
        self.init(read: {
            let value = try secret.value()
            redaction.register(value)
            return value
        })
    }
}
