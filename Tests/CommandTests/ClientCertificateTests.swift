import Foundation
import TestSupport
import Testing

/// Tests client certificates by `client_auth_type`, beyond exporter-toolkit's own table.
@Suite struct ClientCertificateTests {
    /// A CA, two client certificates that it signed, and a self-signed client certificate, in a folder.
    private struct Certificates {
        let folder: String

        init(in folder: String) throws {
            self.folder = folder
            try SelfSignedCertificate(folder: folder).renew("localhost")
            for name in ["authority", "stranger"] { try openssl(request(name, extra: ["-x509", "-days", "2"])) }
            try client("prometheus", names: "DNS:prometheus.example,email:ops@example.com")
            try client("grafana", names: "IP:192.0.2.7,URI:spiffe://example/grafana")
        }

        private func openssl(_ arguments: [String]) throws {
            let made = try Tool(named: "openssl", installation: "apt-get install openssl").run(arguments)
            #expect(made.status == 0, "\(made.output)")
        }

        private func request(_ name: String, extra: [String]) -> [String] {
            [
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
                "-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).pem",
            ] + extra
        }

        private func client(_ name: String, names: String) throws {
            try openssl(request(name, extra: []))
            try "subjectAltName = \(names)".write(
                toFile: "\(folder)/\(name).ext", atomically: true, encoding: .utf8)
            try openssl([
                "x509", "-req", "-in", "\(folder)/\(name).pem", "-CA", "\(folder)/authority.pem", "-CAkey",
                "\(folder)/authority.key", "-CAcreateserial", "-days", "2", "-extfile", "\(folder)/\(name).ext", "-out",
                "\(folder)/\(name).pem",
            ])
        }
    }

    /// The clients, of which `nobody` has no certificate.
    private static let clients = ["nobody", "stranger", "prometheus", "grafana"]

    @Test(
        "the policy decides which clients are admitted",
        arguments: [
            ("client_auth_type: NoClientCert", clients), ("client_auth_type: RequestClientCert", clients),
            ("client_auth_type: RequireAnyClientCert", ["stranger", "prometheus", "grafana"]),
            (
                "client_auth_type: VerifyClientCertIfGiven, client_ca_file: authority.pem",
                ["nobody", "prometheus", "grafana"]
            ),
            ("client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem", ["prometheus", "grafana"]),
            (verified("prometheus.example"), ["prometheus"]), (verified("ops@example.com"), ["prometheus"]),
            (verified("192.0.2.7"), ["grafana"]), (verified("spiffe://example/grafana"), ["grafana"]),
            (verified("prometheus.example, 192.0.2.7"), ["prometheus", "grafana"]), (verified("example"), []),
            ("client_auth_type: RequireAnyClientCert, client_allowed_sans: [prometheus.example]", ["prometheus"]),
        ])
    func policies(policy: String, expected: [String]) async throws {
        try await SimulatedAccount.run { account in
            _ = try Certificates(in: account.folder)
            let file = account.folder + "/web.yml"
            try "tls_server_config: { cert_file: server.crt, key_file: server.key, \(policy) }"
                .write(toFile: file, atomically: true, encoding: .utf8)
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            for client in Self.clients {
                let status = try curl(client, in: account.folder, at: exporter.address)
                #expect(status == (expected.contains(client) ? "200" : "000"), "\(client)")
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("certificate, key and CA can be inline") func inlinePEM() async throws {
        try await SimulatedAccount.run { account in
            _ = try Certificates(in: account.folder)
            func inline(_ name: String) throws -> String {
                let text = try String(contentsOfFile: "\(account.folder)/\(name)", encoding: .utf8)
                return "|\n" + text.split(separator: "\n").map { "    \($0)\n" }.joined()
            }
            let file = account.folder + "/web.yml"
            try """
            tls_server_config:
              client_auth_type: RequireAndVerifyClientCert
              cert: \(inline("server.crt"))
              key: \(inline("server.key"))
              client_ca: \(inline("authority.pem"))
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            #expect(try curl("prometheus", in: account.folder, at: exporter.address) == "200")
            #expect(try curl("stranger", in: account.folder, at: exporter.address) == "000")
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    /// Otherwise a client without a certificate would be admitted without any name.
    @Test(
        "allowed names need a policy that requires a certificate",
        arguments: ["NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven"])
    func allowedNames(policy: String) async throws {
        try await SimulatedAccount.run { account in
            _ = try Certificates(in: account.folder)
            let file = account.folder + "/web.yml"
            try """
            tls_server_config:
              cert_file: server.crt
              key_file: server.key
              client_auth_type: \(policy)
              client_allowed_sans: [prometheus.example]
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let check = try await ExporterProcess.run(
                ["check", "--config.file", account.configFile, "--web.config.file", file],
                environment: account.environment)
            #expect(check.status == 1)
            #expect(
                check.errors.contains(
                    "web.yml:5:24: tls_server_config.client_allowed_sans: client_auth_type admits clients without a certificate"
                ))
        }
    }

    @Test("connections accepted before client certificates were required are closed at their next request")
    func olderConnections() async throws {
        try await SimulatedAccount.run { account in
            _ = try Certificates(in: account.folder)
            let file = account.folder + "/web.yml"
            func write(_ policy: String) throws {
                try "tls_server_config: { cert_file: server.crt, key_file: server.key, \(policy) }"
                    .write(toFile: file, atomically: true, encoding: .utf8)
            }
            try write("client_auth_type: NoClientCert")
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            let connection = try await RawConnection(to: exporter.address, isSecure: true)
            let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
            try await connection.send(request)
            while !connection.text.contains("genai_up") { try await Task.sleep(for: .milliseconds(5)) }
            // The same over HTTP/2: two requests at an interval of twelve seconds, so that the config changes between them.
            let curl = try Tool(named: "curl", installation: "apt-get install curl")
            let url = "https://\(exporter.address)/-/healthy"
            let address = exporter.address
            let first = account.folder + "/first-response"
            async let streams = aside {
                try curl.run(
                    ["-sk", "--http2", "--rate", "5/m", "-w", "%{http_code} %{num_connects} %{http_version}\\n"]
                        + ["-o", first, url, "-o", "/dev/null", "https://\(address)/metrics"]
                ).output
            }
            while (try? Data(contentsOf: URL(fileURLWithPath: first)))?.isEmpty ?? true {
                try await Task.sleep(for: .milliseconds(5))
            }
            try write("client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem")
            try await connection.send(request)
            try await connection.waitForClose()
            #expect(connection.text.contains("HTTP/1.1 400 "))
            #expect(connection.text.hasSuffix("connect again.\n"))
            let output = try await streams
            #expect(output == "200 1 2\n400 0 2\n")
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    private static func verified(_ names: String) -> String {
        "client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem, client_allowed_sans: [\(names)]"
    }

    private func curl(_ client: String, in folder: String, at address: String) throws -> String {
        let certificate = ["--cert", "\(folder)/\(client).pem", "--key", "\(folder)/\(client).key"]
        let tool = try Tool(named: "curl", installation: "apt-get install curl")
        return try tool.run(
            ["-k", "-s", "-o", "/dev/null", "-w", "%{http_code}"] + (client == "nobody" ? [] : certificate)
                + ["https://\(address)/metrics"]
        ).output
    }
}
