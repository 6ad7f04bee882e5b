import Providers
import Upstream
import UsageModel

/// Reads one item of `accounts`: the keys that every provider takes; the rest is in `AccountReader+Provider`.
struct AccountReader {
    let global: GlobalConfiguration
    let labels: LabelOptions
    let secrets: SecretReader
    let today: UTCDay
    let proxyEnvironment: ProxyEnvironment

    /// The account; nil where it has no name or provider to be known by, with the problem in the log.
    func account(_ item: ConfigurationValue) -> AccountConfiguration? {
        guard let mapping = item.mapping() else { return nil }
        let provider = required("provider", in: mapping)?.choice(ProviderName.self)
        rejectUnknownKeys(mapping, provider: provider)
        let name = required("name", in: mapping).flatMap(name)
        // Without a provider there still are a name, intervals and keys to check: none of it is used.
        var account = AccountConfiguration(name: name ?? "", provider: provider ?? .wavespeed)
        readTiming(mapping, into: &account)
        readConnection(mapping, provider, into: &account)
        account.labels = LabelsSection.read(mapping["labels"], inherited: labels)
        account.seriesLimit = mapping["series_limit"]?.wholeNumber(in: ConfigurationLimits.series) ?? global.seriesLimit
        account.monthlyBudget = budget(mapping)
        account.credential = secrets.secret("api_key", in: mapping)
        if let provider { read(provider, mapping, into: &account) }
        return name == nil || provider == nil ? nil : account
    }

    /// The value of a key that must be there.
    func required(_ key: String, in mapping: ConfigurationMapping) -> ConfigurationValue? {
        if let value = mapping[key] { return value }
        mapping.value.problem("missing key \(key)")
        return nil
    }

    /// A name that can be a label value, a file name and a part of a URL as it is.
    func name(_ value: ConfigurationValue) -> String? {
        let expected = "1 to 64 letters, digits, dots, hyphens or underscores"
        guard let text = value.text(expected) else { return nil }
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isPlain, text.utf8.count <= 64 else {
            value.mismatch(expected)
            return nil
        }
        return text
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
        _ mapping: ConfigurationMapping, _ provider: ProviderName?, into account: inout AccountConfiguration
    ) {
        account.allowInsecure = mapping["allow_insecure"]?.boolean() ?? false
        account.baseURL = mapping["base_url"].flatMap { value in
            address(value) { UpstreamAddress.baseURL($0, allowInsecure: account.allowInsecure) }
        }
        account.proxy = proxy(mapping, baseURL: account.baseURL ?? provider?.defaultBaseURL)
        account.caFile = mapping["ca_file"].flatMap(certificates)
    }

    /// The account's own proxy, else the environment's; nil for none.
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

    /// An address; a wrong one is not repeated, since it may hold a password or a key.
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

    private func budget(_ mapping: ConfigurationMapping) -> ExactDecimal? {
        guard let value = mapping["budget"], let budget = value.mapping() else { return nil }
        budget.rejectUnknownKeys(known: ["monthly_usd"])
        let expected = "an amount of USD of at least 0.01, such as 500"
        if global.retention < LedgerBeginning.monthlyRetention {
            value.problem(
                "a monthly budget needs global.retention of at least \(LedgerBeginning.monthlyRetentionText); it is "
                    + DurationNotation.text(global.retention))
        }
        return required("monthly_usd", in: budget)?.amount(expected) { $0 >= ExactDecimal(micros: 10_000) }
    }
}

extension ProviderName {
    /// The address in the provider's documentation.
    fileprivate var defaultBaseURL: String? { allProviders.first { $0.name == rawValue }?.defaultBaseURL }
}
