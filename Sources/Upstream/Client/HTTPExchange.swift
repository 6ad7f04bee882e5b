import AsyncHTTPClient
import NIOCore
import UsageModel

/// A response of any status, as received.
struct RawResponse: Sendable {
    let status: Int
    let headers: UpstreamHeaders
    let body: [UInt8]

    var isSuccess: Bool { (200...299).contains(status) }
}

/// The reason why a response was not read completely.
enum ExchangeError: Error {
    case deadlineExceeded
    case bodyTooLarge(status: Int, longest: Int)
}

/// Performs one HTTP request, without retries, redirects or classification of the response.
struct HTTPExchange: Sendable {
    let client: HTTPClient
    let maximumBodyBytes: Int
    let timeout: Duration

    /// The limit for bodies of error responses: their message is at the start.
    static let maximumErrorBodyBytes = 64 << 10

    /// Sends the request and reads the response.
    ///
    /// - Throws: `ExchangeError`, `CancellationError`, or the HTTP client's errors.
    func perform(_ request: HTTPClientRequest) async throws -> RawResponse {
        // The client's own deadline covers only the response head: a slow body would outlast it.
        try await withThrowingTaskGroup(of: RawResponse?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await exchange(request) }
            group.addTask {
                // Real time instead of the caller's clock: with a test clock that stands still, a hanging connection
                // would never time out.
                try await Task.sleep(for: timeout)
                return nil
            }
            guard let response = try await group.next() ?? nil else { throw ExchangeError.deadlineExceeded }
            return response
        }
    }

    private func exchange(_ request: HTTPClientRequest) async throws -> RawResponse {
        let response = try await client.execute(request, deadline: .distantFuture)
        let status = Int(response.status.code)
        let headers = UpstreamHeaders(response.headers.map { (name: $0.name, value: $0.value) })
        guard (200...299).contains(status) else {
            return RawResponse(status: status, headers: headers, body: await errorBody(response.body))
        }
        let tooLarge = ExchangeError.bodyTooLarge(status: status, longest: maximumBodyBytes)
        let announced = headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
        guard announced <= maximumBodyBytes else { throw tooLarge }
        var body: [UInt8] = []
        // Content-Length may be wrong: allocate at most 1 MiB in advance.
        body.reserveCapacity(min(announced, 1 << 20))
        for try await part in response.body {
            guard body.count + part.readableBytes <= maximumBodyBytes else {
                throw tooLarge
            }
            body.append(contentsOf: part.readableBytesView)
        }
        // A cancelled sequence may end without throwing: do not return a partial body.
        try Task.checkCancellation()
        return RawResponse(status: status, headers: headers, body: body)
    }

    /// Reads the start of an error's body. Returns what was received if the connection fails: the status is known already.
    private func errorBody(_ parts: HTTPClientResponse.Body) async -> [UInt8] {
        var body: [UInt8] = []
        do {
            for try await part in parts {
                body.append(contentsOf: part.readableBytesView.prefix(Self.maximumErrorBodyBytes - body.count))
                if body.count >= Self.maximumErrorBodyBytes { break }
            }
        } catch {
            return body
        }
        return body
    }
}
