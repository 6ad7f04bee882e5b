import Foundation
import TestSupport
import Testing
import UsageModel

@testable import Upstream

@Suite struct ConnectionPoolTests {
    private func certificate(in folder: String) throws -> String {
        let file = folder + "/other.pem"
        let openssl = try Tool(named: "openssl", installation: "apt-get install openssl")
        let made = try openssl.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=other", "-keyout", folder + "/other.key", "-out", file,
        ])
        #expect(made.status == 0, "\(made.output)")
        return try String(contentsOfFile: file, encoding: .utf8)
    }

    @Test("A changed ca_file is applied to the next request, and removed authorities are not trusted")
    func rotation() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/ca.pem"
            try certificate(in: folder).write(toFile: file, atomically: false, encoding: .utf8)
            try await LoopbackServer.run([.text(200, "{}")], tls: true) { server in
                try await TestBench.run { bench in
                    let settings = try UpstreamSettings(
                        baseURL: "https://localhost:\(server.port)", maximumRetries: 0, certificateAuthorityFile: file)
                    #expect(try await bench.failure(settings).message.contains("certificate is not trusted"))
                    try TestCertificate.certificate.write(toFile: file, atomically: true, encoding: .utf8)
                    #expect(try await bench.client(settings).send(UpstreamCall(.get, "/")).status == 200)
                    try certificate(in: folder).write(toFile: file, atomically: false, encoding: .utf8)
                    #expect(try await bench.failure(settings).message.contains("certificate is not trusted"))
                    #expect(bench.connections.poolCount == 1)
                    try FileManager.default.removeItem(atPath: file)
                    #expect(try await bench.failure(settings).message.contains("ca_file \(file) cannot be read"))
                }
            }
        }
    }

    @Test("Pools that no account uses are shut down, each after its last request")
    func unused() async throws {
        try await LoopbackServer.run([.silence, .text(200, "{}")]) { server in
            try await TestBench.run { bench in
                let kept = try UpstreamSettings(baseURL: server.url)
                let dropped = try UpstreamSettings(
                    baseURL: server.url, connectTimeout: .seconds(9), readTimeout: .milliseconds(300),
                    maximumRetries: 0)
                async let pending = bench.failure(dropped)
                while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
                _ = try await bench.client(kept).send(UpstreamCall(.get, "/"))
                #expect(bench.connections.poolCount == 2)
                bench.connections.keep(only: [kept])
                #expect(bench.connections.poolCount == 1)
                // The pending request is not affected.
                #expect(try await pending.reason == .timeout)
                _ = try await bench.client(kept).send(UpstreamCall(.get, "/"))
                #expect(bench.connections.poolCount == 1)
            }
        }
    }
}
