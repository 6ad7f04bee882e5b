import AsyncHTTPClient
import NIOCore
import UsageModel

/// An answer as it came, whatever its status.
struct RawResponse: Sendable {
    let status: Int
    let headers: UpstreamHeaders
    let body: [UInt8]

    var isSuccess: Bool { (200...299).contains(status) }
}

/// Why an answer was not read to its end.
enum ExchangeError: Error {
    case deadlineExceeded
    case bodyTooLarge(status: Int, longest: Int)
}

/// One HTTP request and its answer: no retry, no redirect, no judgement.
struct HTTPExchange: Sendable {
    let client: HTTPClient
    let maximumBodyBytes: Int
    let timeout: Duration

    /// The most that is read of an error's body: its message is at the start.
    static let maximumErrorBodyBytes = 64 << 10

    /// Sends the request and reads the answer.
    ///
    /// - Throws: `ExchangeError`, `CancellationError`, or the HTTP client's errors.
    func perform(_ request: HTTPClientRequest) async throws -> RawResponse {
        // The client's own deadline ends with the head of the answer: a body that drips would outlast it.
        try await withThrowingTaskGroup(of: RawResponse?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await exchange(request) }
            group.addTask {
                // Real time, whatever clock the caller has: it bounds a real connection, and a clock that a test holds
                // still must not keep a hanging server's for ever.
                try await Task.sleep(for: timeout)
                return nil
            }
            guard let answer = try await group.next() ?? nil else { throw ExchangeError.deadlineExceeded }
            return answer
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
        // What a server announces is not yet what it sends: no more than this is set aside on its word.
        body.reserveCapacity(min(announced, 1 << 20))
        for try await part in response.body {
            guard body.count + part.readableBytes <= maximumBodyBytes else {
                throw tooLarge
            }
            body.append(contentsOf: part.readableBytesView)
        }
        // A cancelled sequence may end instead of throwing: a part must not pass for the whole.
        try Task.checkCancellation()
        return RawResponse(status: status, headers: headers, body: body)
    }

    /// The start of an error's body; where it breaks off, what came: the status already says what matters.
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
