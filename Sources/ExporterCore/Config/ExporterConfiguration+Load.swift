import Upstream
import UsageModel
import Yams

extension ExporterConfiguration {
    /// Reads the config file and checks all that can be checked without the network.
    ///
    /// - Parameters:
    ///   - path: the file; relative paths inside it start at its folder.
    ///   - environment: where `*_env` keys look for their variables, and where accounts without `proxy` look for a proxy.
    ///   - today: a `ledger_start` after this day is refused.
    ///   - files: how files are read.
    ///   - needsSecrets: false where no provider will be asked: keys may then be missing.
    ///   - redaction: learns every secret as it is read, so that no later log line can hold one.
    /// - Throws: all problems together, sorted by place.
    package static func load(
        path: String, environment: [String: String], today: UTCDay, files: any FileReading = SystemFiles(),
        needsSecrets: Bool = true, redaction: LogRedaction = LogRedaction()
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
        guard let configuration = read(document, secrets: secrets, today: today), log.problems.isEmpty else {
            throw ConfigurationProblems(log.problems)
        }
        return configuration
    }

    private static let emptyMessage = "the file is empty: expected at least the section accounts"

    /// The configuration that a document describes; of no use where problems are in the log.
    private static func read(
        _ document: ConfigurationValue, secrets: SecretReader, today: UTCDay
    ) -> ExporterConfiguration? {
        let log = secrets.log
        guard !document.isNothing else {
            document.problem(emptyMessage)
            return nil
        }
        guard let sections = document.mapping() else { return nil }
        sections.rejectUnknownKeys(known: ["global", "labels", "accounts"])
        let global = GlobalSection.read(sections["global"], today: today)
        let labels = LabelsSection.read(sections["labels"], inherited: LabelOptions())
        guard let list = sections["accounts"] else {
            document.problem("missing section accounts: expected a list with at least one account")
            return nil
        }
        let items = list.list(of: "accounts")
        if items?.isEmpty == true { list.problem("expected at least one account") }
        let reader = AccountReader(
            global: global, labels: labels, secrets: secrets, today: today,
            proxyEnvironment: ProxyEnvironment(secrets.environment))
        let accounts = (items ?? []).compactMap { item in reader.account(item).map { (item: item, account: $0) } }
        rejectRepeatedNames(items ?? [])
        warnOfSharedKeys(accounts, files: secrets.files)
        return ExporterConfiguration(
            global: global, labels: labels, accounts: accounts.map(\.account), warnings: log.warnings.sorted())
    }

    private static func rejectRepeatedNames(_ items: [ConfigurationValue]) {
        var lines: [String: Int] = [:]
        for item in items {
            guard case .mapping(let mapping) = item.node,
                let name = ConfigurationMapping(value: item, mapping)["name"], case .scalar(let scalar) = name.node,
                !scalar.string.isEmpty
            else { continue }
            if let line = lines[scalar.string] {
                name.problem("duplicate account \(QuotedValue.text(scalar.string)): the other is on line \(line)")
            } else {
                lines[scalar.string] = scalar.mark?.line ?? 0
            }
        }
    }

    /// Two accounts with one key show the same usage twice, and so do two names of one key.
    private static func warnOfSharedKeys(
        _ accounts: [(item: ConfigurationValue, account: AccountConfiguration)], files: any FileReading
    ) {
        struct Login: Hashable {
            let provider: ProviderName
            let baseURL: String?
            let secret: String
        }
        var owners: [Login: String] = [:]
        for (item, account) in accounts {
            let name = "account \(QuotedValue.text(account.name))"
            let own = [account.credential, account.managementKey].compactMap { $0 }.map { (name, $0) }
            let byName = account.keys.compactMap { key in
                key.credential.map { ("key \(QuotedValue.text(key.name)) of \(name)", $0) }
            }
            for (owner, source) in own + byName {
                // Where the key comes from does not matter; one that is not there yet is like no other.
                guard let secret = try? source.value(files: files), !secret.isEmpty else { continue }
                let login = Login(provider: account.provider, baseURL: account.baseURL, secret: secret)
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
