import UsageModel

extension ProviderName {
    /// The keys of an account that this provider takes beside those that all take, the more important ones first.
    var ownKeys: [String] {
        switch self {
        case .wavespeed: SecretReader.keys("api_key") + ["success_by_model"]
        case .fairstack: SecretReader.keys("api_key") + ["keys"]
        case .venice: SecretReader.keys("api_key") + ["endpoint"]
        case .cheapestinference: SecretReader.keys("management_key") + ["keys", "key_ids"]
        case .useapi: SecretReader.keys("api_key") + ["bots", "prices"]
        }
    }

    /// The keys of an account that every provider takes.
    static let commonKeys = [
        "name", "provider", "base_url", "allow_insecure", "sync_interval", "timeout", "history", "ledger_start",
        "series_limit", "labels", "budget", "proxy", "proxy_password_file", "ca_file",
    ]
}

extension AccountReader {
    /// Puts problems in the log for keys that no account has and for those of another provider.
    func rejectUnknownKeys(_ mapping: ConfigurationMapping, provider: ProviderName?) {
        guard let provider else {
            let all = ProviderName.allCases.flatMap(\.ownKeys)
            mapping.rejectUnknownKeys(known: ProviderName.commonKeys + all)
            return
        }
        mapping.rejectUnknownKeys(known: ProviderName.commonKeys + provider.ownKeys) { key in
            let others = ProviderName.allCases.filter { $0.ownKeys.contains(key) }.map(\.rawValue)
            guard !others.isEmpty else { return nil }
            let owners = "provider\(others.count > 1 ? "s" : "") \(others.joined(separator: ", "))"
            return "`\(key)` belongs to \(owners); this account's provider is \(provider.rawValue)"
        }
    }

    /// Reads the keys that this provider alone takes.
    func read(_ provider: ProviderName, _ mapping: ConfigurationMapping, into account: inout AccountConfiguration) {
        if provider == .cheapestinference {
            account.credential = nil
        } else if !SecretReader.isNamed("api_key", in: mapping) {
            reportMissingKey(mapping)
        }
        switch provider {
        case .wavespeed: account.successByModel = mapping["success_by_model"]?.boolean() ?? true
        case .fairstack: account.keys = keys(mapping, key: identifiedKey)
        case .venice: account.endpoint = mapping["endpoint"]?.choice(VeniceEndpoint.self) ?? .auto
        case .cheapestinference: readCheapestInference(mapping, into: &account)
        case .useapi:
            account.bots = bots(mapping)
            account.prices = prices(mapping)
        }
    }

    private func readCheapestInference(_ mapping: ConfigurationMapping, into account: inout AccountConfiguration) {
        account.managementKey = secrets.secret("management_key", in: mapping)
        account.keys = keys(mapping, key: consumptionKey)
        account.keyIDs = distinctTexts(mapping["key_ids"], of: "key ids", read: identifier) { $0 }
        guard !SecretReader.isNamed("management_key", in: mapping) else { return }
        if mapping["keys"]?.list(of: "keys")?.isEmpty ?? true {
            let ways = SecretReader.keys("management_key").joined(separator: ", ")
            mapping.value.problem("missing key: expected keys, or one of \(ways)")
        }
        if !account.keyIDs.isEmpty {
            mapping["key_ids"]?.problem("key_ids are read with a management key: add management_key_env")
        }
    }

    private func keys(
        _ mapping: ConfigurationMapping, key: (ConfigurationMapping) -> KeyConfiguration?
    ) -> [KeyConfiguration] {
        var found: [KeyConfiguration] = []
        for item in mapping["keys"]?.list(of: "keys") ?? [] {
            guard let inner = item.mapping(), let key = key(inner) else { continue }
            if found.contains(where: { $0.name == key.name }) {
                let place = inner["name"] ?? item
                place.problem("duplicate key name \(QuotedValue.text(key.name)): names must differ")
            } else if let id = key.id, found.contains(where: { $0.id == id }) {
                inner["id"]?.problem("duplicate key id \(QuotedValue.text(id)): keep one")
            } else {
                found.append(key)
            }
        }
        return found
    }

    /// FairStack: an id that the usage is asked for by, and a name to show.
    private func identifiedKey(_ mapping: ConfigurationMapping) -> KeyConfiguration? {
        mapping.rejectUnknownKeys(known: ["id", "name"])
        let name = mapping["name"].map(label)
        guard let id = required("id", in: mapping).flatMap(identifier) else { return nil }
        return KeyConfiguration(name: name.map { $0 ?? id } ?? id, id: id)
    }

    /// CheapestInference: a consumption key and a name to show.
    private func consumptionKey(_ mapping: ConfigurationMapping) -> KeyConfiguration? {
        mapping.rejectUnknownKeys(known: ["name"] + SecretReader.keys("api_key"))
        let name = required("name", in: mapping).flatMap(label)
        if !SecretReader.isNamed("api_key", in: mapping) {
            reportMissingKey(mapping)
        }
        let credential = secrets.secret("api_key", in: mapping)
        return name.map { KeyConfiguration(name: $0, credential: credential) }
    }

    private func reportMissingKey(_ mapping: ConfigurationMapping) {
        let ways = SecretReader.keys("api_key").joined(separator: ", ")
        mapping.value.problem("missing key: expected one of \(ways)")
    }

    private func bots(_ mapping: ConfigurationMapping) -> [String] {
        guard let value = required("bots", in: mapping) else { return [] }
        // In whatever letters it is written, it is one bot.
        let bots = distinctTexts(value, of: "bots such as google-flow", read: name) { $0.lowercased() }
        if value.list(of: "bots such as google-flow")?.isEmpty == true {
            value.problem("expected at least one bot such as google-flow")
        }
        return bots
    }

    private func prices(_ mapping: ConfigurationMapping) -> [String: ExactDecimal] {
        var prices: [String: ExactDecimal] = [:]
        for price in mapping["prices"]?.mapping()?.entries ?? [] {
            let expected = "USD a successful request, 0 or more, such as 0.02"
            prices[price.key] = price.value.amount(expected) { !$0.isNegative }
        }
        return prices
    }

    private func distinctTexts(
        _ value: ConfigurationValue?, of what: String, read: (ConfigurationValue) -> String?,
        identity: (String) -> String
    ) -> [String] {
        var texts: [String] = []
        for item in value?.list(of: what) ?? [] {
            guard let text = read(item) else { continue }
            if texts.contains(where: { identity($0) == identity(text) }) {
                item.problem("\(QuotedValue.text(text)) is listed twice: keep one")
            } else {
                texts.append(text)
            }
        }
        return texts
    }

    /// A provider's id: it becomes a part of a URL, where only visible ASCII can stand.
    private func identifier(_ value: ConfigurationValue) -> String? {
        let expected = "an id of at most 256 letters, digits and signs, without spaces"
        guard let text = value.text(expected) else { return nil }
        guard text.utf8.count <= 256, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            value.mismatch(expected)
            return nil
        }
        return text
    }

    /// A text to show as a label's value.
    private func label(_ value: ConfigurationValue) -> String? {
        let expected = "a name of at most 256 bytes on one line"
        guard let text = value.text(expected) else { return nil }
        guard text.utf8.count <= 256, !text.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            value.mismatch(expected)
            return nil
        }
        return text
    }
}
