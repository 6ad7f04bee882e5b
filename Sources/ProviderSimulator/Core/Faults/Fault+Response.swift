import Hummingbird
import NIOCore
import UsageModel

extension Fault {
    /// The answer that a client of the exchange gets.
    ///
    /// - Throws: `CancellationError` when the server stops meanwhile; the connection is closed then.
    func response(in exchange: Exchange, plan: FaultPlan) async throws -> Response {
        switch self {
        case .status(let code, let retryAfter, let body):
            return status(code, retryAfter, body, in: exchange)
        case .hang:
            try await Self.orClose(exchange) { try await plan.waitForRelease() }
            return exchange.healthy()
        case .slowHeaders(let delay):
            try await Self.orClose(exchange) { try await exchange.clock.sleep(for: delay) }
            return exchange.healthy()
        case .slowBody(let size, let pause):
            return Self.slow(exchange, size: max(1, size), pause: pause)
        case .cutBody:
            return Self.cut(exchange)
        case .endlessBody:
            return Self.endless(exchange)
        case .hugeBody(let bytes):
            return Self.huge(exchange, bytes)
        case .gzipBomb(let mebibytes):
            return try Self.bomb(exchange, mebibytes)
        case .crowd(let count):
            return Self.crowd(exchange, count)
        case .altered(let alteration):
            let answer = exchange.provider.answer(exchange.request, style: [])
            return Self.answer(answer.status, Self.json, alteration.encoded(answer.body), answer.headers)
        case .htmlPage(let code):
            return Self.answer(code, "text/html; charset=utf-8", Array(Self.page.utf8))
        case .truncatedJSON:
            let (status, headers, bytes) = exchange.healthyBody([])
            let half = ByteBuffer(bytes: bytes.prefix(bytes.count / 2))
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: half))
        case .deepJSON(let depth):
            let bytes =
                Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
            return Self.answer(200, Self.json, bytes)
        case .contentType(let type):
            var response = exchange.healthy()
            response.headers[.contentType] = type
            return response
        case .style(let style):
            return exchange.healthy(style)
        case .redirect(let location):
            return Response(status: .temporaryRedirect, headers: [.location: location])
        }
    }

    private func status(_ code: Int, _ retryAfter: RetryAfter?, _ body: String?, in exchange: Exchange) -> Response {
        let form = exchange.provider.error(code, "simulated fault")
        var response = Self.answer(code, Self.json, body.map { Array($0.utf8) } ?? form.body.encoded())
        switch retryAfter {
        case .seconds(let seconds): response.headers[.retryAfter] = String(seconds)
        case .date(let moment): response.headers[.retryAfter] = HTTPDate.text(moment)
        case nil: break
        }
        return response
    }

    private static let json = "application/json"

    private static func answer(
        _ code: Int, _ type: String, _ bytes: [UInt8], _ headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        return Response(
            status: HTTPResponse.Status(code: code), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// Waits; where the wait is cut off, closes the connection, since Hummingbird would answer an error with a 500.
    private static func orClose(_ exchange: Exchange, _ wait: () async throws -> Void) async throws {
        do {
            try await wait()
        } catch {
            exchange.channel.close(promise: nil)
            throw error
        }
    }

    private static func slow(_ exchange: Exchange, size: Int, pause: Duration) -> Response {
        let (status, headers, bytes) = exchange.healthyBody([])
        let body = ResponseBody(contentLength: bytes.count) { writer in
            for start in stride(from: 0, to: bytes.count, by: size) {
                try await exchange.clock.sleep(for: pause)
                try await writer.write(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
            }
            try await writer.finish(nil)
        }
        return Response(status: status, headers: headers, body: body)
    }

    /// Thrown inside a body, where it makes Hummingbird close the connection.
    private struct Cut: Error {}

    private static func cut(_ exchange: Exchange) -> Response {
        let (status, headers, bytes) = exchange.healthyBody([])
        let body = ResponseBody(contentLength: bytes.count) { writer in
            try await writer.write(ByteBuffer(bytes: bytes.prefix(bytes.count / 2)))
            throw Cut()
        }
        return Response(status: status, headers: headers, body: body)
    }

    private static func endless(_ exchange: Exchange) -> Response {
        stream(exchange) { write in
            try await write(ByteBuffer(string: "[0"))
            let piece = ByteBuffer(string: String(repeating: ",0", count: 32_768))
            // Ends when the client goes away or the server stops: the write throws then.
            while true { try await write(piece) }
        }
    }

    private static func huge(_ exchange: Exchange, _ bytes: Int) -> Response {
        stream(exchange, length: bytes) { write in
            let piece = ByteBuffer(repeating: UInt8(ascii: " "), count: 65_536)
            for start in stride(from: 0, to: bytes, by: piece.readableBytes) {
                try await write(piece.getSlice(at: 0, length: min(piece.readableBytes, bytes - start)) ?? piece)
            }
        }
    }

    private static func bomb(_ exchange: Exchange, _ mebibytes: Int) throws -> Response {
        let bomb = try GzipBomb()
        return stream(exchange, headers: [.contentEncoding: "gzip"]) { write in
            try await bomb.write(mebibytes: mebibytes, write)
        }
    }

    private static func crowd(_ exchange: Exchange, _ count: Int) -> Response {
        let answer = exchange.provider.answer(exchange.request, style: [])
        guard let crowd = Crowd(in: answer.body) else { return exchange.healthy() }
        return stream(exchange, headers: answer.headers) { write in try await crowd.write(count, write) }
    }

    /// An answer with a long body, of which no more is made than the client reads.
    private static func stream(
        _ exchange: Exchange, headers: HTTPFields = [:], length: Int? = nil,
        _ body: @escaping @Sendable (_ write: (ByteBuffer) async throws -> Void) async throws -> Void
    ) -> Response {
        var headers = headers
        headers[.contentType] = json
        let loop = exchange.channel.eventLoop
        let responseBody = ResponseBody(contentLength: length) { writer in
            try await body { piece in
                try await writer.write(piece)
                // A piece counts as written when the event loop is to send it: without a wait for the loop pieces pile up
                // before it, and it never gets to anything else.
                try await loop.submit {}.get()
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: responseBody)
    }

    private static let page = """
        <!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser.</body></html>
        """
}
