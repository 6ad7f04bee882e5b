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

    /// A connection whose request brings more is closed so long after the answer: at once would lose the answer, as the
    /// client is still writing.
    static let lingering = Duration.seconds(1)

    /// Whether reading over it could take long: it is long, or nobody knows how long.
    static func isTooLong(_ headers: HTTPFields) -> Bool {
        if let length = headers[.contentLength] { return (Int(length) ?? .max) > longest }
        return headers[.transferEncoding] != nil
    }
}
