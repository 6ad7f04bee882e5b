import Foundation
import TestSupport
import Testing

/// Tests that errors of an invalid web config suffice to fix it, and contain no secret.
@Suite struct WebConfigMessagesTests {
    private static let secret = "Tr0ub4dor-and-3-more"
    private static let hash = "$2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"

    private func check(_ text: String, prepare: (String) throws -> Void = { _ in }) async throws -> String {
        var said = ""
        try await SimulatedAccount.run { account in
            let file = account.folder + "/web.yml"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            try prepare(account.folder)
            let outcome = try await ExporterProcess.run(
                ["check", "--config.file", account.configFile, "--web.config.file", file],
                environment: account.environment)
            #expect(outcome.status == 1)
            said = (outcome.errors + outcome.output).replacing(account.folder, with: "FOLDER")
        }
        return said
    }

    @Test(
        "errors contain no secret",
        arguments: [
            secret, "basic_auth_users: \(secret)", "basic_auth_users: [\(secret)]",
            "basic_auth_users: { a: \(secret) }",
            "basic_auth_users: { \(secret): a }", "basic_auth_users: { a: { \(secret): b } }",
            "basic_auth_users: { \"\(hash)\": a }", "basic_auth_users: { a: \(hash)x }",
            "basic_auth_users: { \"\(hash)\": a, \"\(hash)\": b }", "- \(secret)", "tls_server_config: \(secret)",
            "tls_server_config: { cert: \(secret), key: \(secret) }", "http_server_config: { headers: \(secret) }",
        ])
    func secrets(text: String) async throws {
        let said = try await check(text)
        #expect(said.contains(#/web\.yml:\d+:\d+: /#))
        #expect(!said.contains(Self.secret))
        #expect(!said.contains(Self.hash))
    }

    /// An invalid certificate or key, and the expected error.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let section: String
        /// Run in the folder, which holds server.crt and server.key.
        var shell = "true"
        let said: String

        var testDescription: String { said }
    }

    private static let both = "cert_file: server.crt\n  key_file: server.key"

    @Test(
        "unusable certificates and keys are reported",
        arguments: [
            Mistake(
                section: both, shell: "rm server.crt",
                said:
                    "web.yml:2:14: tls_server_config.cert_file: cert_file FOLDER/server.crt: cannot be read: there is "
                    + "no such file"),
            Mistake(
                section: both, shell: "rm server.key",
                said:
                    "web.yml:3:13: tls_server_config.key_file: key_file FOLDER/server.key: cannot be read: there is no "
                    + "such file"),
            Mistake(
                section: both, shell: "echo nonsense > server.key",
                said: "key_file FOLDER/server.key: no private key found: expected -----BEGIN PRIVATE KEY-----"),
            Mistake(
                section: both, shell: "openssl pkcs8 -topk8 -in server.key -passout pass:x -out k && mv k server.key",
                said: "key_file FOLDER/server.key: the private key is encrypted: store it without a passphrase"),
            Mistake(
                section: both, shell: "openssl ecparam -genkey -name prime256v1 -noout -out server.key",
                said: "web.yml:3:13: tls_server_config.key_file: the private key does not match the certificate"),
            Mistake(
                section: "cert: nonsense\n  key_file: server.key", said: "cert: no certificate found: expected"),
            Mistake(
                section: both + "\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: none.pem",
                said: "client_ca_file FOLDER/none.pem: cannot be read: there is no such file"),
        ])
    func unusableFiles(mistake: Mistake) async throws {
        let said = try await check("tls_server_config:\n  \(mistake.section)\n") { folder in
            try SelfSignedCertificate(folder: folder).renew("server")
            #expect(try Tool(path: "/bin/sh").run(["-c", "cd '\(folder)' && \(mistake.shell)"]).status == 0)
        }
        #expect(said.contains(mistake.said), "\(said)")
    }
}
