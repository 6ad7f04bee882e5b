/// A whole answer with a 2xx status.
public struct UpstreamAnswer: Sendable {
    /// The HTTP status, 200 to 299.
    public let status: Int
    /// The header fields.
    public let headers: UpstreamHeaders
    /// The body, decompressed.
    public let body: [UInt8]

    /// An answer.
    public init(status: Int, headers: UpstreamHeaders, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Tells a web page from an API's answer.
enum HTMLPage {
    static let hint = "the answer is HTML, not JSON: is base_url right?"

    /// Whether the answer is a page: by its content type, or by its first character, since no JSON begins with `<`.
    static func isHTML(headers: UpstreamHeaders, body: [UInt8]) -> Bool {
        let type = headers.first(name: "Content-Type")?.lowercased() ?? ""
        if type.hasPrefix("text/html") || type.hasPrefix("application/xhtml") { return true }
        // U+FEFF, the byte order mark, and white space may come first.
        let start = body.starts(with: [0xEF, 0xBB, 0xBF]) ? body.dropFirst(3) : body[...]
        return start.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "<")
    }

    /// Whether the answer is a block or challenge of Cloudflare's, whose short form is text: `error code: 1020`.
    static func isChallenge(_ headers: UpstreamHeaders, body: [UInt8]) -> Bool {
        headers.first(name: "cf-mitigated") != nil || body.starts(with: Array("error code: ".utf8))
    }
}
