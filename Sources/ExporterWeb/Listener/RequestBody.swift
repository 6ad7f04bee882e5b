import HTTPTypes
import HummingbirdCore

/// How long the head of a request may be; a longer one is answered with 400, and the connection closed.
enum RequestHead {
    /// Browsers send up to a few kilobytes; Prometheus a few hundred bytes.
    static let limits = HTTP1Channel.Configuration.DecoderConfiguration(
        maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100)
}

/// What a request brings along beside its head. No request of ours needs a body, so that of others is not waited for.
enum RequestBody {
    /// Bodies up to so many bytes are read over, and the connection goes on.
    static let longest = 64 * 1024

    /// What a client still writes after the last answer of its connection is read over for so long.
    static let lingering = Duration.seconds(1)

    /// Whether it is longer than what is read over; where its length is not told it is read to know that.
    ///
    /// - Throws: `HTTPParserError` where its chunks or its transfer coding are malformed, or another error where the client
    ///   has gone.
    static func isTooLong(
        _ headers: HTTPFields, _ body: inout HummingbirdCore.RequestBody.AsyncIterator
    ) async throws -> Bool {
        if let length = headers[.contentLength] { return (Int(length) ?? .max) > longest }
        guard headers[.transferEncoding] != nil else { return false }
        var count = 0
        while let part = try await body.next() {
            count += part.readableBytes
            if count > longest { return true }
        }
        return false
    }
}
