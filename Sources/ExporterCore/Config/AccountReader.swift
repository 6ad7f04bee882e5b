import ConfigReading
import Providers
import Upstream
import UsageModel

/// Reads one item of `accounts`: the keys that every provider has. The others are read by the provider.
struct AccountReader {
    /// The config keys that every provider's accounts have.
    private static let commonKeys = [
        "name", "provider", "base_url", "allow_insecure", "sync_interval", "timeout", "history", "ledger_start",
        "series_limit", "labels", "budget", "proxy", "proxy_password_file", "ca_file",
    ]

    let providers: [any Provider.Type]
    let global: GlobalConfiguration
    let labels: LabelOptions
    let secrets: SecretReader
    let today: UTCDay
    let proxyEnvironment: ProxyEnvironment

    /// Reads an account; returns nil and reports a problem if it has no valid name or provider.
    func account(_ item: ConfigurationValue) -> AccountConfiguration? {
        guard let mapping = item.mapping() else { return nil }
        let provider = provider(mapping)
        rejectUnknownKeys(mapping, provider: provider)
        let name = mapping.required("name").flatMap { $0.name() }
        // Without a provider the other keys are still checked, but the result is not used.
        if provider == nil { _ = secrets.secret("api_key", in: mapping) }
        let type = provider ?? NoProvider.self
        var account = AccountConfiguration(
            name: name ?? "", provider: ConfiguredProvider(type, type.options(mapping, secrets: secrets)))
        readTiming(mapping, into: &account)
        readConnection(mapping, provider, into: &account)
        account.labels = LabelsSection.read(mapping["labels"], inherited: labels)
        account.seriesLimit = mapping["series_limit"]?.wholeNumber(in: ConfigurationLimits.series) ?? global.seriesLimit
        return name == nil || provider == nil ? nil : account
    }

    private func provider(_ mapping: ConfigurationMapping) -> (any Provider.Type)? {
        guard let value = mapping.required("provider"), let name = value.choice(of: providers.map { $0.name }) else {
            return nil
        }
        return providers.first { $0.name == name }
    }

    /// Reports unknown keys, and keys that belong to another provider.
    private func rejectUnknownKeys(_ mapping: ConfigurationMapping, provider: (any Provider.Type)?) {
        guard let provider else {
            mapping.rejectUnknownKeys(known: Self.commonKeys + providers.flatMap { $0.configKeys })
            return
        }
        mapping.rejectUnknownKeys(known: Self.commonKeys + provider.configKeys) { key in
            let others = providers.filter { $0.configKeys.contains(key) }.map { $0.name }
            guard !others.isEmpty else { return nil }
            let owners = "provider\(others.count > 1 ? "s" : "") \(others.joined(separator: ", "))"
            return "`\(key)` belongs to \(owners); this account's provider is \(provider.name)"
        }
    }

    private func readTiming(_ mapping: ConfigurationMapping, into account: inout AccountConfiguration) {
        let interval = mapping["sync_interval"]?.duration(in: ConfigurationLimits.syncInterval, example: "5m")
        account.syncInterval = interval ?? global.syncInterval
        account.isSyncIntervalOwn = interval != nil
        account.timeout =
            mapping["timeout"]?.duration(in: ConfigurationLimits.timeout, example: "30s") ?? global.timeout
        account.history = global.history
        account.ledgerStart = global.ledgerStart
        switch LedgerBeginning.read(mapping, retention: global.retention, today: today) {
        case .day(let day): account.ledgerStart = day
        case .history(let history):
            account.history = history
            account.ledgerStart = nil
        case nil: break
        }
    }

    private func readConnection(
        _ mapping: ConfigurationMapping, _ provider: (any Provider.Type)?, into account: inout AccountConfiguration
    ) {
        account.allowInsecure = mapping["allow_insecure"]?.boolean() ?? false
        account.baseURL = mapping["base_url"].flatMap { value in
            address(value) { UpstreamAddress.baseURL($0, allowInsecure: account.allowInsecure) }
        }
        account.proxy = proxy(mapping, baseURL: account.baseURL ?? provider?.defaultBaseURL)
        account.caFile = mapping["ca_file"].flatMap(certificates)
    }

    /// Reads the account's own proxy, else the environment's; nil for none.
    private func proxy(_ mapping: ConfigurationMapping, baseURL: String?) -> ProxyServer? {
        guard let value = mapping["proxy"] else {
            mapping["proxy_password_file"]?.problem("the password of a proxy needs proxy: http://user@host:port")
            do {
                guard let baseURL else { return nil }
                let proxy = try proxyEnvironment.proxy(for: BaseURL(baseURL))
                proxy?.passwordInAddress.map(secrets.redaction.register)
                return proxy
            } catch {
                mapping.value.problem(error.message)
                return nil
            }
        }
        guard let proxy = address(value, check: UpstreamAddress.proxy) else { return nil }
        if let password = proxy.passwordInAddress { secrets.registerLiteral(password, value) }
        guard let file = mapping["proxy_password_file"] else { return proxy }
        guard proxy.user != nil, proxy.passwordInAddress == nil else {
            file.problem("the password of a proxy needs a user name and no password in proxy: http://user@host:port")
            return nil
        }
        guard let source = secrets.file(file), case .file(let path) = source else { return nil }
        return proxy.passwordRead(from: path) { [redaction = secrets.redaction, files = secrets.files] in
            let password = try source.value(files: files)
            redaction.register(password)
            return password
        }
    }

    /// Reads an address. An invalid one is not quoted in the message, because it may contain a password or a key.
    private func address<Address>(
        _ value: ConfigurationValue, check: (String) -> Result<Address, UpstreamAddress.Flaw>
    ) -> Address? {
        var value = value
        value.isSecret = true
        guard let text = value.text("an address as text") else { return nil }
        switch check(text) {
        case .success(let address): return address
        case .failure(let flaw):
            value.problem(flaw.message)
            return nil
        }
    }

    private func certificates(_ value: ConfigurationValue) -> String? {
        guard let text = value.text("the path of a PEM file") else { return nil }
        let path = resolvedPath(text, besides: value.log.file)
        do {
            let bytes = try secrets.files.contents(of: path, limit: 4_194_304)
            if String(decoding: bytes, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") { return path }
            value.problem("the file \(QuotedValue.text(text)) holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
        } catch {
            value.problem("the file \(QuotedValue.text(text)) cannot be read: \(error.reason)")
        }
        return nil
    }
}

/// Stands for a provider that the config does not name, or not rightly, so that the account's other keys are checked.
private enum NoProvider: Provider {
    struct Options: ProviderOptions {
        static let configKeys: [String] = []
        let credentials: [AccountCredential: SecretSource] = [:]

        init(_ mapping: ConfigurationMapping, secrets: SecretReader) {}

        func sources(for account: ProviderAccount) -> [any UsageSource] { [] }
    }

    static let name = ""
    static let defaultBaseURL = ""
}
