import ExporterTestSupport
import ConfigReading
import ExporterCore
import Foundation
import Testing
import UsageModel

@Suite("Secrets")
struct SecretSourceTests {
    @Test("A key file is read on each use, without its line break")
    func rotation() throws {
        let files = MemoryFiles(["/run/key": "first-key-1234\n"])
        let source = SecretSource.file(path: "/run/key")
        #expect(try source.value(files: files) == "first-key-1234")
        files.write(Array("second-key-5678\r\n".utf8), to: "/run/key")
        #expect(try source.value(files: files) == "second-key-5678")
    }

    @Test(
        "The error for an unusable key file names the file, but not its content",
        arguments: [
            ("", "is empty"), ("\n", "is empty"), ("sk-1234567890ab\n\n", "holds a space"),
            ("sk-1234567890ab\r\nHost: x", "holds a space"), ("sk-1234567890ab\u{0}", "holds a space"),
            ("sk-1234567890abé", "holds a space"), (" sk-1234567890ab", "holds a space"),
        ])
    func unusable(content: String, complaint: String) {
        let files = MemoryFiles(["/run/key": content])
        let failure = #expect(throws: SecretFailure.self) {
            try SecretSource.file(path: "/run/key").value(files: files)
        }
        #expect(failure?.message.hasPrefix("the key file /run/key \(complaint)") == true)
        #expect(failure?.message.contains("1234567890ab") == false)
        #expect(failure?.reason == .auth)
    }

    @Test("The error for a missing key file names the file")
    func gone() {
        let failure = #expect(throws: SecretFailure.self) {
            try SecretSource.file(path: "/run/key").value(files: MemoryFiles([:]))
        }
        #expect(failure?.message == "the key file /run/key cannot be read: there is no such file")
    }

    @Test("System files are read completely, and a directory or a missing file has a clear error")
    func systemFiles() throws {
        let files = SystemFiles()
        #expect(try files.contents(of: #filePath, limit: 100_000).starts(with: Array("import ".utf8)))
        #expect(throws: FileReadingFailure("it is a folder")) { try files.contents(of: "/", limit: 10) }
        #expect(throws: FileReadingFailure("there is no such file")) { try files.contents(of: "/no/such", limit: 10) }
        #expect(throws: FileReadingFailure("it is larger than 10 bytes")) {
            try files.contents(of: #filePath, limit: 10)
        }
    }

    @Test("Reading a pipe does not block without a writer or data, and reads what was written")
    func pipe() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("pipe-\(UUID().uuidString)").path
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let files = SystemFiles()
        #expect(try files.contents(of: path, limit: 10).isEmpty)
        let writer = open(path, O_RDWR)
        #expect(throws: FileReadingFailure("it is a pipe, and nothing was written into it")) {
            try files.contents(of: path, limit: 10)
        }
        let text = "a key"
        #expect(write(writer, text, text.utf8.count) == text.utf8.count)
        #expect(throws: FileReadingFailure("it is larger than 4 bytes")) { try files.contents(of: path, limit: 4) }
        close(writer)
    }

    @Test("No way of printing a configuration shows a key")
    func printing() throws {
        let configuration = try ConfigurationFixtures.load(try ConfigurationFixtures.text("everything.yml"))
        var dumped = ""
        dump(configuration, to: &dumped)
        let sources = configuration.accounts.flatMap { [$0.credential] + $0.keys.map(\.credential) }
        let printed = [
            dumped, "\(configuration)", String(reflecting: configuration), String(describing: configuration.accounts),
            "\(sources)", sources.map { String(describing: $0) + String(reflecting: $0) }.joined(),
        ]
        for text in printed {
            for piece in ConfigurationFixtures.secretPieces { #expect(!text.contains(piece)) }
        }
        #expect(dumped.contains("environment variable WAVESPEED_API_KEY"))
    }

    @Test("A missing credential of systemd is a problem for its service, and a warning for who checks the config")
    func credentials() throws {
        let path = "/run/credentials/genai.service/keys_media"
        let config = "accounts: [ { name: media, provider: wavespeed, api_key_file: \(path) } ]"
        func load(_ environment: [String: String], _ files: [String: String]) throws -> ExporterConfiguration {
            try ExporterConfiguration.load(
                path: "/etc/config.yml", environment: environment, today: ConfigurationFixtures.today,
                files: MemoryFiles(files.merging(["/etc/config.yml": config]) { $1 }), redaction: LogRedaction())
        }
        for environment in [[:], ["CREDENTIALS_DIRECTORY": "/run/credentials/other.service"]] {
            let warnings = try load(environment, [:]).warnings.map { "\($0)" }
            #expect(warnings.count == 1 && warnings[0].contains("accounts[0].api_key_file: not checked"), "\(warnings)")
            #expect(throws: ConfigurationProblems.self) { try load(environment, [path: "two words"]) }
        }
        let own = ["CREDENTIALS_DIRECTORY": "/run/credentials/genai.service"]
        #expect(throws: ConfigurationProblems.self) { try load(own, [:]) }
        #expect(try load(own, [path: "ws-0a1b2c3d4e5f"]).warnings.isEmpty)
    }

    @Test("Loading a config registers all its secrets for log redaction")
    func registration() throws {
        let redaction = LogRedaction()
        _ = try ConfigurationFixtures.load(try ConfigurationFixtures.text("everything.yml"), redaction: redaction)
        let secrets = [
            "ws-0a1b2c3d4e5f", "vf-0a1b2c3d4e5f", "mk_0a1b2c3d4e5f", "sk_stage_literal_0c1d2e3f", "sk_night_0a1b2c3d",
            "user:4711-q1w2e3r4t5y6u7i8",
        ]
        for secret in secrets { #expect(redaction.redacted("key=\(secret).") == "key=<redacted>.") }
    }
}
