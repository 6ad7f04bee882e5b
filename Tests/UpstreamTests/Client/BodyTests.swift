import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression
import Testing
import Upstream
import UsageModel

@Suite struct BodyTests {
    /// Encodes a complete response with a gzip-compressed body.
    private static func gzipped(_ body: String) throws -> ScriptedResponse {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([HTTPResponseEncoder(), HTTPResponseCompressor()])
        let request = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/", headers: ["Accept-Encoding": "gzip"])
        try channel.writeInbound(HTTPServerRequestPart.head(request))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        let head = HTTPResponseHead(
            version: .http1_1, status: .ok, headers: ["Content-Type": "application/json"])
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
        var bytes: [UInt8] = []
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            bytes.append(contentsOf: part.readableBytesView)
        }
        _ = try channel.finish(acceptAlreadyClosed: true)
        return ScriptedResponse(steps: [.send(bytes)])
    }

    @Test("A body with a compression ratio of 100 is read")
    func wellCompressed() async throws {
        let rows = "[" + String(repeating: "0,", count: 1_000_000) + "0]"
        let response = try Self.gzipped(rows)
        guard case .send(let wire) = response.steps[0] else { return }
        #expect(wire.count * 100 < rows.utf8.count)
        try await LoopbackServer.run([response]) { server in
            try await TestBench.run { bench in
                let body = try await bench.client(UpstreamSettings(baseURL: server.url)).send(UpstreamCall(.get, "/"))
                    .body
                #expect(body == Array(rows.utf8))
            }
        }
    }

    @Test("A compressed body that decompresses past the limit is rejected")
    func compressedPastLimit() async throws {
        let response = try Self.gzipped("[" + String(repeating: "0,", count: 1_000_000) + "0]")
        try await LoopbackServer.run([response]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(
                    UpstreamSettings(baseURL: server.url, maximumBodyBytes: 1_000_000))
                #expect(failure.reason == .decode)
                #expect(failure.message.contains("exceeds the limit of 1000000 bytes"))
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test("An endless body is rejected at the limit")
    func endless() async throws {
        let endless = ScriptedResponse(steps: [
            .send(ScriptedResponse.head(200, [("Content-Type", "application/json")])),
            .sendForever(Array(repeating: UInt8(ascii: " "), count: 65_536)),
        ])
        try await LoopbackServer.run([endless]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url, maximumBodyBytes: 1 << 20))
                #expect(failure.reason == .decode)
                #expect(failure.message.contains("exceeds the limit of 1048576 bytes"))
                #expect(bench.observer.codes == [200])
            }
        }
    }

    @Test("A huge Content-Length is rejected before the body is read")
    func hugeContentLength() async throws {
        let huge = ScriptedResponse(steps: [
            .send(ScriptedResponse.head(200, [("Content-Length", "9000000000000000000")]))
        ])
        try await LoopbackServer.run([huge]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.reason == .decode)
                #expect(failure.message.contains("exceeds the limit"))
            }
        }
    }

    @Test("A body of exactly the limit is read, one byte more is rejected", arguments: [(10, true), (11, false)])
    func exactLimit(count: Int, isRead: Bool) async throws {
        try await LoopbackServer.run([.text(200, String(repeating: "1", count: count))]) { server in
            try await TestBench.run { bench in
                let settings = try UpstreamSettings(baseURL: server.url, maximumBodyBytes: 10)
                if isRead {
                    #expect(try await bench.client(settings).send(UpstreamCall(.get, "/")).body.count == 10)
                } else {
                    #expect(try await bench.failure(settings).reason == .decode)
                }
            }
        }
    }

    @Test(
        "For a web page instead of JSON, the message points to base_url",
        arguments: [
            ("text/html; charset=utf-8", "{}"), ("application/json", "\u{FEFF} \n<!DOCTYPE html>"),
            ("Application/XHTML+xml", ""), ("text/plain", "<html></html>"),
        ])
    func html(type: String, body: String) async throws {
        try await LoopbackServer.run([.text(200, body, headers: [("Content-Type", type)])]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.reason == .decode)
                #expect(failure.message.contains("the response is HTML, not JSON: check base_url"))
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test("For a 404 page, the message points to base_url")
    func htmlErrorPage() async throws {
        try await LoopbackServer.run([.text(404, "<h1>Not here</h1>")]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.reason == .http4xx)
                #expect(failure.message.contains("check base_url"))
            }
        }
    }
}
