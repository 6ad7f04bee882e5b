import ConfigReading
import Providers
import Upstream
import UsageModel
import Yams

extension ExporterConfiguration {
    /// Reads the config file and checks it without network requests.
    ///
    /// - Parameters:
    ///   - path: the file; paths inside it are relative to its folder.
    ///   - environment: the variables of `*_env` keys, and of the proxy for accounts without `proxy`.
    ///   - today: a `ledger_start` after this day is refused.
    ///   - files: reads files.
    ///   - needsSecrets: false if no provider will be queried: keys may then be missing.
    ///   - providers: the providers that an account may name.
    ///   - redaction: every secret is registered here when it is read, so that no later log line contains it.
    /// - Throws: all problems, sorted by position.
    package static func load(
        path: String, environment: [String: String], today: UTCDay, files: any FileReading = SystemFiles(),
        needsSecrets: Bool = true, redaction: LogRedaction = LogRedaction(),
        providers: [any Provider.Type] = allProviders
    ) throws(ConfigurationProblems) -> ExporterConfiguration {
        let log = ProblemLog(file: path)
        let bytes: [UInt8]
        do {
            bytes = try files.contents(of: path, limit: YAMLDocument.longest)
        } catch {
            let message = "the config file cannot be read: \(error.reason)"
            throw ConfigurationProblems([ConfigurationProblem(file: path, message: message)])
        }
        let secrets = SecretReader(
            environment: environment, files: files, redaction: redaction, log: log, isNeeded: needsSecrets)
        guard let document = YAMLDocument.value(of: bytes, log: log) else {
            if log.problems.isEmpty { log.problem(emptyMessage, at: nil, path: "") }
            throw ConfigurationProblems(log.problems)
        }
        guard let configuration = read(document, providers, secrets: secrets, today: today), log.problems.isEmpty else {
            throw ConfigurationProblems(log.problems)
        }
        return configuration
    }

    private static let emptyMessage = "the file is empty: expected at least the section accounts"

    /// Reads the configuration of a document. The caller must discard it if there are problems in the log.
    private static func read(
        _ document: ConfigurationValue, _ providers: [any Provider.Type], secrets: SecretReader, today: UTCDay
    ) -> ExporterConfiguration? {
        let log = secrets.log
        guard !document.isNothing else {
            document.problem(emptyMessage)
            return nil
        }
        guard let sections = document.mapping() else { return nil }
        sections.rejectUnknownKeys(known: ["global", "labels", "accounts", "budgets", "owners", "snapshot"])
        let global = GlobalSection.read(sections["global"], today: today)
        let labels = LabelsSection.read(sections["labels"], inherited: LabelOptions())
        let snapshot = SnapshotSection.read(sections["snapshot"])
        guard let list = sections["accounts"] else {
            document.problem("missing section accounts: expected a list with at least one account")
            return nil
        }
        let items = list.list(of: "accounts")
        if items?.isEmpty == true { list.problem("expected at least one account") }
        let reader = AccountReader(
            providers: providers, global: global, labels: labels, secrets: secrets, today: today,
            proxyEnvironment: ProxyEnvironment(secrets.environment))
        let accounts = (items ?? []).compactMap { item in reader.account(item).map { (item: item, account: $0) } }
        let names = names(of: items ?? [])
        rejectRepeated(names)
        let owners = OwnersSection(accountNames: names.map(\.text), accounts: accounts.map(\.account))
            .read(sections["owners"])
        let budgets = BudgetsSection(accounts: accounts.map(\.account), owners: owners, retention: global.retention)
            .read(sections["budgets"], ofAccounts: items ?? [])
        warnOfSharedKeys(accounts, files: secrets.files)
        warnOfSharedOrganizations(accounts)
        return ExporterConfiguration(
            global: global, labels: labels, snapshot: snapshot, accounts: accounts.map(\.account),
            warnings: log.warnings.sorted(), families: .all(of: providers), owners: owners, budgets: budgets)
    }

    /// The names of the accounts, also of those with problems.
    private static func names(of items: [ConfigurationValue]) -> [(text: String, value: ConfigurationValue)] {
        items.compactMap { item in
            guard case .mapping(let mapping) = item.node,
                let name = ConfigurationMapping(value: item, mapping)["name"], case .scalar(let scalar) = name.node,
                !scalar.string.isEmpty
            else { return nil }
            return (scalar.string, name)
        }
    }

    private static func rejectRepeated(_ names: [(text: String, value: ConfigurationValue)]) {
        var lines: [String: Int] = [:]
        for (text, value) in names {
            if let line = lines[text] {
                value.problem("duplicate account \(QuotedValue.text(text)): the other is on line \(line)")
            } else {
                lines[text] = value.node.mark?.line ?? 0
            }
        }
    }

    /// Warns of accounts that may read the figures of the same organization, which the API does not identify.
    private static func warnOfSharedOrganizations(
        _ accounts: [(item: ConfigurationValue, account: AccountConfiguration)]
    ) {
        var first: [String: String] = [:]
        for (item, account) in accounts where account.provider.type.readsWholeOrganization {
            let address = "\(account.provider.name) \(account.baseURL ?? "")"
            guard let other = first[address] else {
                first[address] = account.name
                continue
            }
            let message =
                "the figures of \(account.provider.name) are those of the key's whole organization: if accounts "
                + "\(QuotedValue.text(other)) and \(QuotedValue.text(account.name)) belong to one, keep only one of them"
            item.log.warning(message, at: item.node.mark?.place, path: item.path)
        }
    }

    /// Warns of keys that are configured twice, because their usage is counted twice.
    private static func warnOfSharedKeys(
        _ accounts: [(item: ConfigurationValue, account: AccountConfiguration)], files: any FileReading
    ) {
        struct Login: Hashable {
            let provider: String
            let baseURL: String?
            let secret: String
        }
        var owners: [Login: String] = [:]
        for (item, account) in accounts {
            let name = "account \(QuotedValue.text(account.name))"
            // In the order of their names, so that the warning does not depend on chance.
            let sources = account.provider.options.credentials.map { credential, source in
                (owner: credential.owner.map { "key \(QuotedValue.text($0)) of \(name)" } ?? name, source: source)
            }.sorted { $0.owner < $1.owner }
            for (owner, source) in sources {
                // Keys are compared by value, whatever their source. A key that cannot be read yet is not compared.
                guard let secret = try? source.value(files: files), !secret.isEmpty else { continue }
                let login = Login(provider: account.provider.name, baseURL: account.baseURL, secret: secret)
                if let other = owners[login] {
                    let message = "\(owner) has the same key as \(other): sums over both count its usage twice"
                    item.log.warning(message, at: item.node.mark?.place, path: item.path)
                } else {
                    owners[login] = owner
                }
            }
        }
    }
}

extension AccountCredential {
    /// The name of the key that has this credential; nil for the account's own.
    fileprivate var owner: String? {
        if case .key(let name) = self { name } else { nil }
    }
}
