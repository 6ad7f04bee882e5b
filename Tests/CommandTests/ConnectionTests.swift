import Foundation
import TestSupport
import Testing

/// Tests which connections stay open after a response, and which are closed.
@Suite(.timeLimit(.minutes(3))) struct ConnectionTests {
    private func serving(
        webConfig: String? = nil, _ test: (ExporterProcess, _ webConfigFile: String) async throws -> Void
    ) async throws {
        try await SimulatedAccount.run { account in
            let file = account.folder + "/web.yml"
            try (webConfig ?? "").write(toFile: file, atomically: true, encoding: .utf8)
            try SelfSignedCertificate(folder: account.folder).renew("server")
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            try await test(exporter, file)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    private func page(_ exporter: ExporterProcess) async throws -> String {
        String(decoding: try await exporter.get("/").body, as: UTF8.self)
    }

    private func waitForText(_ text: String, in connection: RawConnection) async throws {
        while !connection.text.contains(text) { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test(
        "the last request closes the connection",
        arguments: [
            "GET /-/healthy HTTP/1.0\r\n\r\n", "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n",
            "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n",
        ])
    func lastRequest(request: String) async throws {
        try await serving { exporter, _ in
            let connection = try await RawConnection(to: exporter.address)
            try await connection.send(request)
            try await connection.waitForClose()
            #expect(connection.text.lowercased().contains("connection: close\r\n"))
            #expect(connection.text.hasSuffix("genai_usage_exporter is healthy.\n"))
        }
    }

    /// Bytes that the kernel does not accept wait in the exporter for longer than it discards the client's input.
    @Test("a slow client gets the whole last response", arguments: [false, true])
    func slowClient(isSecure: Bool) async throws {
        // Most of a much larger body would be held back by the connection's own limit.
        try await LoadTests.serving(models: 300, overTLS: isSecure) { exporter in
            let connection = try await RawConnection(to: exporter.address, reads: false, isSecure: isSecure)
            try await connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            try await connection.stopReading()
            try await Task.sleep(for: .milliseconds(2_500))
            try await connection.goOnReading()
            try await connection.waitForClose()
            let parts = connection.text.split(separator: "\r\n\r\n", maxSplits: 1)
            let length = try #require(parts.first?.lowercased().firstMatch(of: /content-length: (\d+)/)).1
            #expect(parts.last?.utf8.count == Int(length))
        }
    }

    @Test("a small body of undeclared length is discarded") func smallBody() async throws {
        try await serving { exporter, _ in
            let connection = try await RawConnection(to: exporter.address)
            try await connection.send(
                "POST /-/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            try await waitForText("403 Forbidden", in: connection)
            try await connection.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            try await waitForText("is healthy", in: connection)
            try await connection.reset()
        }
    }

    @Test("no request is served after a rejected body") func rejectedBody() async throws {
        try await serving { exporter, _ in
            let connection = try await RawConnection(to: exporter.address)
            let body = String(repeating: "a", count: 70_000)
            try await connection.send(
                "POST /-/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n\(body)"
                    + "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            try await connection.waitForClose()
            #expect(connection.text.hasPrefix("HTTP/1.1 413 "))
            #expect(!connection.text.contains("is healthy"))
        }
    }

    @Test("a connection whose TLS handshake does not finish is closed after ten seconds") func handshakeDeadline()
        async throws
    {
        try await serving(webConfig: SelfSignedCertificate.section) { exporter, _ in
            let complete = try await RawConnection(to: exporter.address, isSecure: true)
            var partial: [RawConnection] = []
            for beginning in ["", "\u{16}", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}"] {
                let connection = try await RawConnection(to: exporter.address)
                try await connection.send(beginning)
                partial.append(connection)
            }
            for connection in partial {
                let lifetime = try await connection.waitForClose()
                #expect((.seconds(9)..<(.seconds(15))).contains(lifetime))
            }
            #expect(complete.isOpen)
            try await complete.reset()
        }
    }

    @Test(
        "a response to HEAD has the length of GET's body, and no body",
        arguments: [
            ("/", 200), ("/metrics", 200), ("/sd", 200), ("/-/healthy", 200), ("/nope", 404), ("/probe", 400),
            ("/probe?target=nobody", 404), ("/-/sync", 405), ("/-/reload", 405),
        ])
    func headHasNoBody(path: String, status: Int) async throws {
        try await serving { exporter, _ in
            try await headThenHealthy(path, fields: "", status: status, exporter)
        }
    }

    @Test("rejections of HEAD have no body", arguments: [("", 401), ("Content-Length: 70000\r\n", 413)])
    func rejectedHeadHasNoBody(fields: String, status: Int) async throws {
        let user = "basic_auth_users: { dave: $2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq }"
        try await serving(webConfig: user) { exporter, _ in
            try await headThenHealthy("/metrics", fields: fields, status: status, exporter)
        }
    }

    @Test("HEAD beyond the rate limit has no body") func limitedHeadHasNoBody() async throws {
        try await serving(webConfig: "rate_limit: { interval: 2h, burst: 1 }") { exporter, _ in
            #expect(try await exporter.get("/metrics").status == 200)
            try await headThenHealthy("/metrics", fields: "", status: 429, exporter)
        }
    }

    /// Sends HEAD and then GET, so that bytes after the first head are the second response.
    private func headThenHealthy(
        _ path: String, fields: String, status: Int, _ exporter: ExporterProcess
    ) async throws {
        let connection = try await RawConnection(to: exporter.address)
        let isLast = fields.contains("Content-Length")
        try await connection.send(
            "HEAD \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
                + (isLast ? "" : "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        try await connection.waitForClose()
        let parts = connection.text.components(separatedBy: "\r\n\r\n")
        #expect(parts[0].hasPrefix("HTTP/1.1 \(status) "))
        #expect(parts[0].lowercased().contains("content-length: "))
        #expect(!parts[0].lowercased().contains("content-length: 0\r\n"))
        if isLast {
            #expect(parts[1].isEmpty)
        } else {
            #expect(parts[1].hasPrefix("HTTP/1.1 200 "), "\(parts[1].prefix(80))")
        }
    }

    @Test("HEAD with an error leaves an HTTP/2 connection and its other streams open") func headOverHTTP2() async throws
    {
        try await serving(webConfig: SelfSignedCertificate.section) { exporter, _ in
            let curl = try Tool(named: "curl", installation: "apt-get install curl")
            let base = "https://\(exporter.address)"
            let outcome = try curl.run(
                ["-sk", "--http2", "-w", "%{http_code} %{num_connects} %{http_version}\\n", "-I", "-o", "/dev/null"]
                    + ["/nope", "/probe", "/-/sync", "/-/healthy"].flatMap { ["-o", "/dev/null", base + $0] })
            #expect(outcome.output == "404 1 2\n400 0 2\n405 0 2\n200 0 2\n")
        }
    }

    @Test(
        "malformed HTTP/1.1 requests get 400 and close the connection",
        arguments: [
            "GET /-/healthy HTTP/1.1\r\n\r\n", "GET /-/healthy HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET /-/healthy HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
            "POST /-/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST /-/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
            "POST /-/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
        ])
    func malformedRequests(request: String) async throws {
        try await serving { exporter, _ in
            let connection = try await RawConnection(to: exporter.address)
            try await connection.send("GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n" + request)
            try await connection.waitForClose()
            let statuses = connection.text.matches(of: #/HTTP/1.1 (\d+) /#).map { String($0.1) }
            #expect(["200", "503"].contains(statuses.first))
            #expect(statuses.dropFirst() == ["400"], "\(connection.text)")
        }
    }

    @Test("connections accepted before TLS was enabled are closed") func connectionsOlderThanTLS() async throws {
        try await serving { exporter, file in
            let connection = try await RawConnection(to: exporter.address)
            try await connection.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            try await waitForText("is healthy", in: connection)
            try SelfSignedCertificate.section.write(toFile: file, atomically: true, encoding: .utf8)
            try await connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            try await connection.waitForClose()
            #expect(connection.text.contains("HTTP/1.1 400 "))
            #expect(!connection.text.contains("genai_up"))
        }
    }

    @Test("health checks bypass the rate limit") func healthBypassesRateLimit() async throws {
        try await serving(webConfig: "rate_limit: { interval: 2h, burst: 1 }") { exporter, _ in
            #expect(try await exporter.get("/metrics").status == 200)
            let refused = try await exporter.get("/metrics")
            #expect(refused.status == 429)
            #expect(refused.headers["retry-after"] == "7200")
            #expect(try await exporter.get("/-/healthy").status == 200)
        }
    }

    @Test("health needs no other program, with and without TLS", arguments: ["", SelfSignedCertificate.section])
    func healthCommand(webConfig: String) async throws {
        try await serving(webConfig: webConfig) { exporter, _ in
            let port = try #require(exporter.address.split(separator: ":").last.map(String.init))
            for address in [exporter.address, ":\(port)", "0.0.0.0:\(port)"] {
                #expect(try await ExporterProcess.run(["health", "--web.listen-address", address]).status == 0)
            }
        }
        // Port 1 has no listener here.
        let unused = try await ExporterProcess.run(["health", "--web.listen-address", ":1"])
        #expect(unused.status == 1)
        #expect(unused.errors == "no response from :1\n")
        #expect(try await ExporterProcess.run(["health", "--web.listen-address", ":0"]).status == 2)
    }

    @Test("health does not wait beyond its deadline for a trickling response") func healthDeadline() async throws {
        let trickle = """
            import socket, sys, time
            listening = socket.create_server(("127.0.0.1", 0))
            print(listening.getsockname()[1], flush=True)
            client, _ = listening.accept()
            try:
                while True: client.send(b"x"); time.sleep(0.2)
            except OSError: pass
            """
        let server = try Tool(named: "python3", installation: "apt-get install python3").process(["-c", trickle])
        let output = Pipe()
        server.standardOutput = output
        try server.run()
        defer { server.terminate() }
        let port = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).trimmingCharacters(
            in: .whitespacesAndNewlines)
        let outcome = try await ExporterProcess.run(["health", "--web.listen-address", "127.0.0.1:\(port)"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("not a healthy exporter"))
        #expect(outcome.duration < .seconds(10))
    }

    @Test("an invalid web config is shown on the page without a request") func invalidWebConfig() async throws {
        try await serving { exporter, file in
            #expect(try await !page(exporter).contains("role=\"alert\""))
            try "nonsense".write(toFile: file, atomically: true, encoding: .utf8)
            try await Task.sleep(for: .seconds(2.5))
            #expect(try await page(exporter).contains("The web config file cannot be used"))
        }
    }
}
