import ConfigReading
import ExporterCore
import Foundation
import Providers
import Testing
import UsageModel

@Suite("Problems with a config file")
struct ConfigurationProblemTests {
    @Test("Each invalid file has exactly the problems in its .expected file", arguments: ConfigurationFixtures.bad)
    func problems(name: String) throws {
        let found = ConfigurationFixtures.problems(try ConfigurationFixtures.text("\(name).bad.yml"))
        let expected = String(decoding: try ConfigurationFixtures.text("\(name).bad.expected"), as: UTF8.self)
        #expect(found == expected.split(separator: "\n").map { withNamesOfProviders(String($0)) })
    }

    /// Replaces what a new provider changes: `{providers}`, `{providers with KEY}` and `{keys of providers}`.
    private func withNamesOfProviders(_ line: String) -> String {
        let keys = allProviders.flatMap { $0.configKeys }
        let distinct = keys.enumerated().filter { !keys[..<$0.offset].contains($0.element) }.map(\.element)
        return line.replacing("{providers}", with: allProviders.map { $0.name }.joined(separator: ", "))
            .replacing("{keys of providers}", with: distinct.joined(separator: ", "))
            .replacing(/{providers with (\w+)}/) { match in
                let names = allProviders.filter { $0.configKeys.contains(String(match.output.1)) }.map { $0.name }
                return (names.count == 1 ? "provider " : "providers ") + names.joined(separator: ", ")
            }
    }

    @Test("No invalid file makes a secret appear in a message", arguments: ConfigurationFixtures.bad)
    func secretsStaySecret(name: String) throws {
        let text = ConfigurationFixtures.problems(try ConfigurationFixtures.text("\(name).bad.yml")).joined(
            separator: "\n")
        for piece in ConfigurationFixtures.secretPieces { #expect(!text.contains(piece)) }
    }

    @Test("The fixtures of invalid files are found")
    func tableIsThere() {
        #expect(ConfigurationFixtures.bad.count > 25)
    }

    @Test("Problems print one per line as file:line:column: path: message")
    func form() throws {
        let bytes = Array("accounts:\n  - { name: a, provider: venice, api_key_env: NOT_SET, timeout: soon }\n".utf8)
        let error = #expect(throws: ConfigurationProblems.self) { try ConfigurationFixtures.load(bytes) }
        let variable = "the environment variable NOT_SET is not set: set it, or name another"
        #expect(
            error?.description == """
                /etc/exporter/config.yml:2:47: accounts[0].api_key_env: \(variable)
                /etc/exporter/config.yml:2:65: accounts[0].timeout: expected a duration such as 30s, got "soon"
                """)
    }

    @Test("A missing config file is one problem that names it")
    func missingFile() {
        let error = #expect(throws: ConfigurationProblems.self) {
            try ExporterConfiguration.load(
                path: "conf/config.yml", environment: [:], today: ConfigurationFixtures.today, files: MemoryFiles([:]))
        }
        #expect(error?.description == "conf/config.yml: the config file cannot be read: there is no such file")
    }

    @Test("A config file larger than 1 MiB is rejected before it is parsed")
    func hugeFile() {
        let problems = ConfigurationFixtures.problems([UInt8](repeating: UInt8(ascii: "#"), count: 1_048_577))
        #expect(problems == ["the config file cannot be read: it is larger than 1048576 bytes"])
    }

    @Test("Nested merges take bounded time")
    func mergeBomb() {
        var text = "accounts:\n  - &a0 { name: a }\n"
        for level in 1...40 {
            let again = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "  - &a\(level) { <<: [\(again)] }\n"
        }
        #expect(ConfigurationFixtures.problems(Array(text.utf8)).contains("2:5: accounts[0]: missing key provider"))
    }

    @Test("Lists nested a hundred thousand levels are a problem, not a crash")
    func deepNesting() {
        let problems = ConfigurationFixtures.problems([UInt8](repeating: UInt8(ascii: "["), count: 100_000))
        #expect(problems.count == 1)
    }
}
