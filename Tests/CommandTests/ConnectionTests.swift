import Foundation
import TestSupport
import Testing

/// Which connections go on after an answer, and which end.
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

    @Test(arguments: [
        "GET /-/healthy HTTP/1.0\r\n\r\n", "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n",
        "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n",
    ])
    func lastRequestsEndTheConnection(request: String) async throws {
        try await serving { exporter, _ in
            let connection = try await RawConnection(to: exporter.address)
            try await connection.send(request)
            try await connection.waitForClose()
            #expect(connection.text.lowercased().contains("connection: close\r\n"))
            #expect(connection.text.hasSuffix("genai_usage_exporter is healthy.\n"))
        }
    }

    /// What the kernel does not take at once waits in the exporter, for longer than it lingers for the client's own bytes.
    @Test(arguments: [false, true]) func whoReadsLateGetsTheLastAnswerWhole(isSecure: Bool) async throws {
        // Of a much larger page the connection's own bound holds most back until there is room.
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

    @Test func aSmallBodyOfUnknownLengthIsReadOver() async throws {
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

    @Test func nothingIsAnsweredAfterARefusedBody() async throws {
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

    @Test func connectionsOlderThanTLSEndWithIt() async throws {
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

    @Test func theRateLimitSparesTheQuestionWhetherTheExporterLives() async throws {
        try await serving(webConfig: "rate_limit: { interval: 2h, burst: 1 }") { exporter, _ in
            #expect(try await exporter.get("/metrics").status == 200)
            let refused = try await exporter.get("/metrics")
            #expect(refused.status == 429)
            #expect(refused.headers["retry-after"] == "7200")
            #expect(try await exporter.get("/-/healthy").status == 200)
        }
    }

    @Test(arguments: ["", SelfSignedCertificate.section])
    func healthIsAskedWithoutAnyOtherProgram(webConfig: String) async throws {
        try await serving(webConfig: webConfig) { exporter, _ in
            let port = try #require(exporter.address.split(separator: ":").last.map(String.init))
            for address in [exporter.address, ":\(port)", "0.0.0.0:\(port)"] {
                #expect(try await ExporterProcess.run(["health", "--web.listen-address", address]).status == 0)
            }
        }
        // Port 1 has no listener here.
        let nobody = try await ExporterProcess.run(["health", "--web.listen-address", ":1"])
        #expect(nobody.status == 1)
        #expect(nobody.errors == "nothing answers on :1\n")
        #expect(try await ExporterProcess.run(["health", "--web.listen-address", ":0"]).status == 2)
    }

    @Test func healthDoesNotWaitForWhoTricklesItsAnswer() async throws {
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
        let start = ContinuousClock.now
        let outcome = try await ExporterProcess.run(["health", "--web.listen-address", "127.0.0.1:\(port)"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("is no healthy exporter"))
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test func aBrokenWebConfigIsSaidOnThePageThoughNobodyAsked() async throws {
        try await serving { exporter, file in
            #expect(try await !page(exporter).contains("role=\"alert\""))
            try "nonsense".write(toFile: file, atomically: true, encoding: .utf8)
            try await Task.sleep(for: .seconds(2.5))
            #expect(try await page(exporter).contains("The web config file cannot be used"))
        }
    }
}
