import ExporterCore
import UsageModel

/// Loads the fuzzed bytes as the config file, in an environment with secrets that it may reference.
struct ConfigurationRun {
    private static let file = "/etc/exporter/config.yml"
    private static let secrets = ["Env9secretvalue7", "File8secretvalue6", "Long5secretvalue4"]
    private static let environment = [
        "WAVESPEED_API_KEY": secrets[0], "CI_MANAGEMENT_KEY": secrets[0], "EMPTY": "",
        "LINE_BREAK": secrets[2] + "\r\nHost: evil",
    ]
    private static let secretFiles = [
        "/etc/exporter/secrets/venice": secrets[1] + "\n", "/run/secrets/night": secrets[1] + " " + secrets[2],
        "/etc/exporter/authority.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    ]

    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Checks that a config is accepted or rejected with usable messages, and that neither exposes a secret.
    ///
    /// - Throws: `BrokenProperty`.
    func check() throws(BrokenProperty) {
        var files = Self.secretFiles.mapValues { Array($0.utf8) }
        files[Self.file] = bytes
        let configuration: ExporterConfiguration
        do {
            configuration = try ExporterConfiguration.load(
                path: Self.file, environment: Self.environment, today: CheckedVisit.first.day,
                files: StagedFiles(contents: files))
        } catch {
            try ensure(!error.problems.isEmpty, "a config is rejected without a message")
            for problem in error.problems { try check(said: problem.description) }
            return
        }
        for warning in configuration.warnings { try check(said: warning.description) }
        try checkSecrets("\(configuration)")
        let names = configuration.accounts.map(\.name)
        try ensure(!names.isEmpty, "a config without accounts is accepted")
        try ensure(Set(names).count == names.count, "duplicate account names: \(names)")
    }

    private func check(said: String) throws(BrokenProperty) {
        try ensure(line: said)
        try checkSecrets(said)
    }

    /// Ignores secrets that the file itself contains.
    private func checkSecrets(_ text: String) throws(BrokenProperty) {
        for secret in Self.secrets where text.contains(secret) {
            try ensure(
                String(decoding: bytes, as: UTF8.self).contains(secret), "the secret \(secret) is shown: \(text)")
        }
    }
}
