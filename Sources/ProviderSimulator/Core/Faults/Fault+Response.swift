import HTTPTypes
import Hummingbird
import NIOCore
import UsageModel

extension Fault {
    /// The faulty response to the exchange.
    ///
    /// - Throws: `CancellationError` when the server stops meanwhile; the connection is then closed.
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
            let response = exchange.provider.answer(exchange.request, style: [])
            return Self.makeResponse(response.status, Self.json, alteration.encoded(response.body), response.headers)
        case .htmlPage(let code):
            return Self.makeResponse(code, "text/html; charset=utf-8", Array(Self.page.utf8))
        case .truncatedJSON:
            let (status, headers, bytes) = exchange.healthyBody([])
            let half = ByteBuffer(bytes: bytes.prefix(bytes.count / 2))
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: half))
        case .deepJSON(let depth):
            let bytes =
                Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
            return Self.makeResponse(200, Self.json, bytes)
        case .headers(let fields):
            var response = exchange.healthy()
            for (name, value) in fields {
                if let name = HTTPField.Name(name) { response.headers[name] = value }
            }
            return response
        case .style(let style):
            return exchange.healthy(style)
        case .redirect(let location):
            return Response(status: .temporaryRedirect, headers: [.location: location])
        }
    }

    private func status(_ code: Int, _ retryAfter: RetryAfter?, _ body: String?, in exchange: Exchange) -> Response {
        let form = exchange.provider.error(code, "simulated fault")
        var response = Self.makeResponse(code, Self.json, body.map { Array($0.utf8) } ?? form.body.encoded())
        switch retryAfter {
        case .seconds(let seconds): response.headers[.retryAfter] = String(seconds)
        case .date(let time): response.headers[.retryAfter] = HTTPDate.text(time)
        case nil: break
        }
        return response
    }

    private static let json = "application/json"

    private static func makeResponse(
        _ code: Int, _ type: String, _ bytes: [UInt8], _ headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        return Response(
            status: HTTPResponse.Status(code: code), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// Waits. If the wait is cancelled, closes the connection, because Hummingbird would respond to an error with a
    /// 500.
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

    /// Makes Hummingbird close the connection when thrown inside a body.
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
            let chunk = ByteBuffer(string: String(repeating: ",0", count: 32_768))
            // The write throws when the client disconnects or the server stops.
            while true { try await write(chunk) }
        }
    }

    private static func huge(_ exchange: Exchange, _ bytes: Int) -> Response {
        stream(exchange, length: bytes) { write in
            let chunk = ByteBuffer(repeating: UInt8(ascii: " "), count: 65_536)
            for start in stride(from: 0, to: bytes, by: chunk.readableBytes) {
                try await write(chunk.getSlice(at: 0, length: min(chunk.readableBytes, bytes - start)) ?? chunk)
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
        let response = exchange.provider.answer(exchange.request, style: [])
        guard let crowd = Crowd(in: response.body) else { return exchange.healthy() }
        return stream(exchange, headers: response.headers) { write in try await crowd.write(count, write) }
    }

    /// A response with a long body, generated only as fast as the client reads.
    private static func stream(
        _ exchange: Exchange, headers: HTTPFields = [:], length: Int? = nil,
        _ body: @escaping @Sendable (_ write: (ByteBuffer) async throws -> Void) async throws -> Void
    ) -> Response {
        var headers = headers
        headers[.contentType] = json
        let loop = exchange.channel.eventLoop
        let responseBody = ResponseBody(contentLength: length) { writer in
            try await body { chunk in
                try await writer.write(chunk)
                // `write` returns once the chunk is handed to the event loop. Waiting for the loop applies back
                // pressure; otherwise queued chunks would starve it.
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
