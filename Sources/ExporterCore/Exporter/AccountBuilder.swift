import Foundation
import Logging
import Providers
import UsageLedger
import UsageModel
import Upstream

/// Makes accounts of their configuration: connections, sources, their place in the ledger, what they show.
struct AccountBuilder {
    let configuration: ExporterConfiguration
    let ledger: UsageLedger
    let renderer: MetricsRenderer
    let connections: UpstreamConnections
    let storageErrors: StorageErrors
    /// The storage's own salt for hashed labels.
    let salt: String
    let environment: Exporter.Environment

    private var clock: any WallClock { environment.clock }

    /// Sets an account up; what the storage holds of it is rendered, and hidden until the renderer is told to show it.
    func account(_ account: AccountConfiguration, index: Int) async throws -> ExporterAccount {
        guard let provider = allProviders.first(where: { $0.name == account.provider.rawValue }) else {
            throw InvalidUpstreamSetting("provider \(account.provider.rawValue) is not part of this build")
        }
        await renderer.hide(account: index)
        var logger = environment.logger
        logger[metadataKey: "account"] = "\(account.name)"
        let now = clock.now
        let start = account.ledgerStart?.start ?? (now - account.history).day.start
        let stored = try await ledger.registerAccount(
            account.name, provider: provider.name, proposedStart: start, now: now)
        let exposition = AccountExposition(
            AccountExposition.Identity(index: index, provider: provider.name, name: account.name),
            account: stored, ledger: ledger, renderer: renderer,
            options: AccountExposition.Options(
                windows: configuration.global.windows, zeroFirst: configuration.global.zeroFirst,
                view: LabelView(account.labels, salt: salt, limit: account.seriesLimit),
                seriesLimit: account.seriesLimit, monthlyBudget: account.monthlyBudget),
            clock: clock)

        let settings = try settings(of: account, at: provider.defaultBaseURL)
        let observers = SyncObservers()
        let pace = provider.requestsPerMinute.map { SharedPace(perMinute: $0, clock: clock) }
        let sources = provider.sources(
            for: ProviderAccount(options: options(of: account)) {
                [connections, environment, logger, salt] source, credential in
                let client = UpstreamClient(
                    settings: settings,
                    credential: account.secret(for: credential).map {
                        Credential(secret: $0, redaction: environment.redaction)
                    },
                    fingerprintSalt: salt, connections: connections, clock: environment.clock, random: environment.random,
                    observer: observers.observer(of: source), logger: logger)
                return pace.map { PacedAPI(client, pace: $0) } ?? client
            })
        var runners: [SourceRunner] = []
        var restored: [(source: LedgerSource, status: SyncStatus)] = []
        for source in sources {
            let registered = try await ledger.registerSource(
                source.name, of: stored.id, proposedStart: stored.ledgerStart, now: now)
            let status = registered.status.flatMap {
                try? JSONDecoder().decode(SyncStatus.self, from: Data($0.utf8))
            }
            restored.append((registered, status ?? SyncStatus()))
            logger[metadataKey: "source"] = "\(source.name)"
            runners.append(
                SourceRunner(
                    source, stored: registered, status: status ?? SyncStatus(), ledger: ledger,
                    exposition: exposition, renderer: renderer, observer: observers.observer(of: source.name),
                    schedule: SyncSchedule(
                        wanted: account.syncInterval, floor: source.minimumInterval, isOwn: account.isSyncIntervalOwn),
                    clock: clock, random: environment.random, storageErrors: storageErrors,
                    redaction: environment.redaction,
                    logger: logger))
        }
        try await exposition.restore(account: stored, sources: restored)
        return ExporterAccount(
            id: stored.id, index: index, configuration: account, provider: provider.name, exposition: exposition,
            runners: runners)
    }

    private func settings(of account: AccountConfiguration, at defaultBaseURL: String) throws -> UpstreamSettings {
        try UpstreamSettings(
            baseURL: account.baseURL ?? defaultBaseURL, requestTimeout: account.timeout,
            proxy: try account.proxy.map { try ProxyServer($0) }, certificateAuthorityFile: account.caFile,
            version: BuildInformation.version)
    }

    private func options(of account: AccountConfiguration) -> ProviderOptions {
        var options = ProviderOptions()
        options.successByModel = account.successByModel
        options.keys = account.keys.map {
            ProviderOptions.Key(name: $0.name, id: $0.id, hasCredential: $0.credential != nil)
        }
        options.hasManagementKey = account.managementKey != nil
        options.keyIDs = account.keyIDs
        options.veniceEndpoint = account.endpoint.rawValue
        options.bots = account.bots
        options.prices = account.prices
        return options
    }
}

extension AccountConfiguration {
    fileprivate func secret(for credential: AccountCredential) -> SecretSource? {
        switch credential {
        case .account: self.credential
        case .management: managementKey
        case .key(let name): keys.first { $0.name == name }?.credential
        }
    }
}

extension Credential {
    /// A configured secret: a file is read again at each use, so that rotation needs no restart.
    fileprivate init(secret: SecretSource, redaction: LogRedaction) {
        self.init(read: {
            let value = try secret.value()
            redaction.register(value)
            return value
        })
    }
}
