import Foundation
import TestSupport
import Testing

/// Tests `--web.config.file` with exporter-toolkit's own test files and behaviour table.
@Suite struct WebConfigTests {
    static let toolkit =
        "/usr/share/gocode/src/github.com/prometheus/exporter-toolkit/web/testdata"

    /// A web config that requires the toolkit's client certificate.
    static let requiringClientCertificate = """
        tls_server_config:
          cert_file: \(toolkit)/server.crt
          key_file: \(toolkit)/server.key
          client_auth_type: RequireAndVerifyClientCert
          client_ca_file: \(toolkit)/client_selfsigned.pem

        """

    /// The files that the toolkit's `TestYAMLFiles` and `TestServerBehaviour` reject; they accept all others.
    private static let refused: Set<String> = [
        "web_config_junk.yml", "web_config_junk_key.yml", "web_config_noAuth_certPath_empty.bad.yml",
        "web_config_noAuth_keyPath_empty.bad.yml", "web_config_noAuth_certPath_keyPath_empty.bad.yml",
        "web_config_noAuth_certPath_invalid.bad.yml", "web_config_noAuth_keyPath_invalid.bad.yml",
        "web_config_noAuth_certPath_keyPath_invalid.bad.yml", "web_config_noAuth.bad.yml",
        "web_config_auth_clientCAs_invalid.bad.yml", "web_config_auth_user_list_invalid.bad.yml",
        "web_config_noAuth_inventedCiphers.bad.yml", "web_config_noAuth_inventedCurves.bad.yml",
        "web_config_noAuth_wrongTLSVersion.bad.yml", "web_config_noAuth_noHTTP2Cipher.bad.yml",
        "web_config_headers_content_type_options.bad.yml", "web_config_headers_frame_options.bad.yml",
        "web_config_headers_extra_header.bad.yml",
    ]

    @Test("every file of the toolkit has the toolkit's result") func toolkitFiles() async throws {
        let files = try #require(
            try? FileManager.default.contentsOfDirectory(atPath: Self.toolkit).filter { $0.hasSuffix(".yml") },
            "apt-get install golang-github-prometheus-exporter-toolkit-dev")
        #expect(files.count >= 30)
        #expect(Self.refused.isSubset(of: files))
        try await SimulatedAccount.run { account in
            for file in files {
                // promtool does not check what only a server detects.
                let promtool = try Tool.promtool().run(["check", "web-config", "\(Self.toolkit)/\(file)"])
                if file != "web_config_noAuth_noHTTP2Cipher.bad.yml" {
                    #expect((promtool.status != 0) == Self.refused.contains(file), "\(file): \(promtool.output)")
                }
                let check = try await ExporterProcess.run(
                    ["check", "--config.file", account.configFile, "--web.config.file", "\(Self.toolkit)/\(file)"],
                    environment: account.environment)
                #expect(check.status == (Self.refused.contains(file) ? 1 : 0), "\(file): \(check.errors)")
                guard Self.refused.contains(file) else { continue }
                #expect(check.errors.contains("\(file):"))
                let serve = try await ExporterProcess.run(
                    account.serveArguments + ["--web.config.file", "\(Self.toolkit)/\(file)"],
                    environment: account.environment)
                #expect(serve.status == 1, "\(file)")
                if file.contains("user_list") { #expect(!serve.errors.contains("doe"), "a password was repeated") }
            }
        }
    }

    /// A request with the arguments of curl and the expected HTTP status; 000 if the handshake fails.
    struct Meeting: Sendable, CustomTestStringConvertible {
        let file: String
        var arguments: [String] = []
        var scheme = "https"
        var path = "/metrics"
        let status: String

        var testDescription: String { "\(file) \(arguments.joined(separator: " ")) → \(status)" }
    }

    private static func certificate(_ name: String) -> [String] {
        ["--cert", "\(toolkit)/\(name).pem", "--key", "\(toolkit)/\(name).key"]
    }

    private static let verifying = "tls_config_noAuth.requireandverifyclientcert.good.yml"
    private static let anyClient = "tls_config_noAuth.requireanyclientcert.good.yml"
    private static let someCiphers = "web_config_noAuth_someCiphers.good.yml"
    private static let users = "web_config_users.good.yml"

    @Test(
        "clients get the results of the toolkit's table",
        arguments: [
            Meeting(file: "web_config_noAuth.good.yml", status: "200"),
            Meeting(file: "web_config_noAuth.good.yml", scheme: "http", status: "400"),
            Meeting(file: "web_config_noAuth.good.yml", arguments: ["--tls-max", "1.1"], status: "000"),
            Meeting(file: "web_config_noAuth.good.yml", arguments: certificate("client2_selfsigned"), status: "000"),
            Meeting(file: "web_config_noAuth_allCiphers.good.yml", status: "200"),
            Meeting(
                file: someCiphers, arguments: ["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256"],
                status: "200"),
            Meeting(
                file: someCiphers, arguments: ["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES256-SHA"], status: "000"),
            Meeting(
                file: someCiphers,
                arguments: ["--tls-max", "1.2", "--ciphers", "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256"],
                status: "200"),
            Meeting(file: "web_config_noAuth_allCurves.good.yml", status: "200"),
            Meeting(file: "web_config_noAuth_someCurves.good.yml", arguments: ["--curves", "P-521"], status: "200"),
            Meeting(file: "web_config_noAuth_someCurves.good.yml", arguments: ["--curves", "P-384"], status: "000"),
            Meeting(file: "web_config_noAuth_noHTTP2.good.yml", status: "200"),
            Meeting(file: anyClient, status: "000"),
            Meeting(file: anyClient, arguments: certificate("client_selfsigned"), status: "200"),
            Meeting(file: anyClient, arguments: certificate("client2_selfsigned"), status: "200"),
            Meeting(file: verifying, status: "000"),
            Meeting(file: verifying, arguments: certificate("client_selfsigned"), status: "200"),
            Meeting(file: verifying, arguments: certificate("client2_selfsigned"), status: "000"),
            Meeting(file: users, status: "401"),
            Meeting(file: users, arguments: ["-u", "alice:alice123"], status: "200"),
            Meeting(file: users, arguments: ["-u", "alice:alice1234"], status: "401"),
            Meeting(file: users, arguments: ["-u", "nobody:fakepassword"], status: "401"),
            Meeting(file: users, path: "/-/healthy", status: "200"),
            Meeting(file: users, path: "/-/ready", status: "200"),
            Meeting(file: "web_config_users_noTLS.good.yml", scheme: "http", status: "401"),
            Meeting(
                file: "web_config_users_noTLS.good.yml", arguments: ["-u", "dave:dave123"], scheme: "http",
                status: "200"),
        ])
    func clients(meeting: Meeting) async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", "\(Self.toolkit)/\(meeting.file)"],
                environment: account.environment)
            let url = "\(meeting.scheme)://\(exporter.address)\(meeting.path)"
            if meeting.path == "/-/ready" {
                while try curl([], url) == "503" { try await Task.sleep(for: .milliseconds(50)) }
            }
            #expect(try curl(meeting.arguments, url) == meeting.status)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    /// Returns the status that curl got. It does not verify the server, because OpenSSL rejects the purpose of the
    /// toolkit's certificates.
    private func curl(_ arguments: [String], _ url: String) throws -> String {
        let curl = try Tool(named: "curl", installation: "apt-get install curl")
        return try curl.run(["-k", "-s", "-o", "/dev/null", "-w", "%{http_code}"] + arguments + [url]).output
    }

    @Test(
        "HTTP/2 is offered over TLS unless it is disabled",
        arguments: [("web_config_noAuth.good.yml", "2"), ("web_config_noAuth_noHTTP2.good.yml", "1.1")])
    func http2(file: String, version: String) async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", "\(Self.toolkit)/\(file)"],
                environment: account.environment)
            let url = "https://\(exporter.address)/metrics"
            let tool = try Tool(named: "curl", installation: "apt-get install curl")
            let arguments = ["-k", "-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}"]
            #expect(try tool.run(arguments + ["--http2", url]).output == "200 \(version)")
            #expect(try tool.run(arguments + ["--http1.1", url]).output == "200 1.1")
            #expect(try tool.run(arguments + ["--http2", "-I", url]).output == "200 \(version)")
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("every response has the configured headers") func headers() async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", "\(Self.toolkit)/web_config_headers.good.yml"],
                environment: account.environment)
            for path in ["/metrics", "/", "/nothing"] {
                let response = try await exporter.get(path)
                #expect(response.headers["x-frame-options"] == "deny")
                #expect(response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains")
                #expect(response.headers["x-xss-protection"] == "1")
                #expect(response.headers["content-security-policy"] == "default-src 'self' *.test.example.net")
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("certificates are reloaded without a restart") func certificates() async throws {
        try await SimulatedAccount.run { account in
            let certificate = SelfSignedCertificate(folder: account.folder)
            try certificate.renew("first")
            let file = account.folder + "/web.yml"
            try SelfSignedCertificate.section.write(toFile: file, atomically: true, encoding: .utf8)
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            func served() throws -> String {
                try SelfSignedCertificate.seen(at: exporter.address)
            }
            #expect(try served().contains("CN = first"))
            try certificate.renew("second")
            #expect(try served().contains("CN = second"))
            try "nonsense".write(toFile: account.folder + "/server.crt", atomically: true, encoding: .utf8)
            #expect(try served().contains("CN = second"))
            #expect(try curl([], "https://\(exporter.address)/metrics") == "200")
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("users are reloaded without a restart, and an invalid file changes nothing") func usersReload() async throws {
        try await SimulatedAccount.run { account in
            let file = account.folder + "/web.yml"
            let alice = "alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby"
            let dave = "dave: $2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"
            func write(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }
            try write("basic_auth_users: { \(alice) }")
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            func status(_ user: String) async throws -> Int {
                let credentials = Data(user.utf8).base64EncodedString()
                return try await exporter.get("/metrics", headers: [("Authorization", "Basic \(credentials)")]).status
            }
            #expect(try await status("alice:alice123") == 200)
            #expect(try await status("dave:dave123") == 401)
            try write("basic_auth_users: { \(dave) }")
            #expect(try await status("alice:alice123") == 401)
            #expect(try await status("dave:dave123") == 200)
            try write("basic_auth_users: nonsense")
            #expect(try await status("dave:dave123") == 200)
            #expect(try await status("alice:alice123") == 401)
            // A file without passwords may be incomplete, so that it is not applied at once.
            try write("rate_limit: { interval: 1h, burst: 2 }")
            #expect(try await exporter.get("/metrics").status == 401)
            while try await exporter.get("/metrics").status == 401 { try await Task.sleep(for: .milliseconds(50)) }
            #expect(try await exporter.get("/metrics").status == 200)
            #expect(try await exporter.get("/metrics").status == 429)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }
}
