import UsageModel

/// A complete response with a 2xx status.
package struct UpstreamResponse: Sendable {
    /// 200 to 299.
    package let status: Int
    package let headers: UpstreamHeaders
    /// The decompressed body, with the call's own key redacted unless it has fewer than 12 characters.
    package let body: [UInt8]
    /// Method and path of the request, for messages: `GET /v1/costs`; empty if unknown.
    package let request: String

    package init(status: Int, headers: UpstreamHeaders, body: [UInt8], request: String = "") {
        self.request = request
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Returns a failure to read this response, with the request in its message.
    package func failure(_ failure: SourceFailure) -> SourceFailure {
        request.isEmpty ? failure : SourceFailure(failure.reason, "\(request): \(failure.message)")
    }
}

/// Detects web pages in place of an API's responses.
enum HTMLPage {
    static let hint = "the response is HTML, not JSON: check base_url"

    /// Whether the response is HTML, by its content type or its first character: no JSON begins with `<`.
    static func isHTML(headers: UpstreamHeaders, body: [UInt8]) -> Bool {
        let type = headers.first(name: "Content-Type")?.lowercased() ?? ""
        if type.hasPrefix("text/html") || type.hasPrefix("application/xhtml") { return true }
        // A byte order mark and white space may come first.
        let start = body.starts(with: [0xEF, 0xBB, 0xBF]) ? body.dropFirst(3) : body[...]
        return start.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "<")
    }

    /// Whether the response is a block or challenge of Cloudflare, whose short form is text: `error code: 1020`.
    static func isChallenge(_ headers: UpstreamHeaders, body: [UInt8]) -> Bool {
        headers.first(name: "cf-mitigated") != nil || body.starts(with: Array("error code: ".utf8))
    }
}

/// Header fields in the received order; names are case-insensitive.
package struct UpstreamHeaders: Sendable, ExpressibleByDictionaryLiteral {
    private let fields: [(name: String, value: String)]

    package init(_ fields: [(name: String, value: String)]) {
        self.fields = fields
    }

    /// Creates header fields from `["Retry-After": "5"]`; names may repeat.
    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// Returns the first value of a field; nil if there is none.
    package func first(name: String) -> String? {
        fields.first { Self.isSame($0.name, name) }?.value
    }

    /// Returns all values of a field, in the received order.
    package func all(name: String) -> [String] {
        fields.filter { Self.isSame($0.name, name) }.map(\.value)
    }

    func mapValues(_ transform: (String) -> String) -> UpstreamHeaders {
        UpstreamHeaders(fields.map { (name: $0.name, value: transform($0.value)) })
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

extension UpstreamNotice {
    /// Parses `Deprecation` (RFC 9745: `@1783555200`; its drafts used an HTTP date or `true`) and `Sunset` (RFC 8594,
    /// an HTTP date). A future deprecation does not count yet.
    package init(headers: UpstreamHeaders, now: Timestamp) {
        let deprecation = headers.first(name: "Deprecation").map { String($0.trimmingWhitespace()) }
        let begins = deprecation.flatMap { Self.time($0, now: now) }
        self.init(
            isDeprecated: begins.map { $0 <= now } ?? (deprecation?.lowercased() == "true"),
            sunset: headers.first(name: "Sunset").flatMap { Self.time(String($0.trimmingWhitespace()), now: now) })
    }

    /// Parses the header fields of a 410 response: the endpoint is gone, regardless of `Deprecation`.
    package init(goneWith headers: UpstreamHeaders, now: Timestamp) {
        self.init(isDeprecated: true, sunset: UpstreamNotice(headers: headers, now: now).sunset)
    }

    private static func time(_ text: String, now: Timestamp) -> Timestamp? {
        if text.hasPrefix("@") {
            // At most the year 9999.
            return Int64(text.dropFirst()).flatMap { (0...253_402_300_799).contains($0) ? Timestamp(seconds: $0) : nil }
        }
        return HTTPDate.parse(text, now: now) ?? Timestamp(text)
    }
}

extension UpstreamHeaders {
    /// Returns the response's time: `Date` plus the `Age` reported by a cache (RFC 9111); nil without a valid `Date`.
    package func date(now: Timestamp) -> Timestamp? {
        guard let date = first(name: "Date").flatMap({ HTTPDate.parse($0, now: now) }) else { return nil }
        let age = first(name: "Age").flatMap { Int($0) }.flatMap { (0...31_536_000).contains($0) ? $0 : nil }
        return date + .seconds(age ?? 0)
    }
}
