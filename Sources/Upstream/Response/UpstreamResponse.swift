import UsageModel

/// A whole answer with a 2xx status.
package struct UpstreamResponse: Sendable {
    /// The HTTP status, 200 to 299.
    package let status: Int
    /// The header fields.
    package let headers: UpstreamHeaders
    /// The body, decompressed.
    package let body: [UInt8]

    /// An answer.
    package init(status: Int, headers: UpstreamHeaders, body: [UInt8]) {
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

/// Header fields in the order they came; names are compared without regard to case.
package struct UpstreamHeaders: Sendable, ExpressibleByDictionaryLiteral {
    private let fields: [(name: String, value: String)]

    /// Header fields.
    package init(_ fields: [(name: String, value: String)]) {
        self.fields = fields
    }

    /// Header fields, written as `["Retry-After": "5"]`; a name may stand there more than once.
    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The first field of this name; nil where there is none.
    package func first(name: String) -> String? {
        fields.first { Self.isSame($0.name, name) }?.value
    }

    /// Every field of this name, in the order they came.
    package func all(name: String) -> [String] {
        fields.filter { Self.isSame($0.name, name) }.map(\.value)
    }

    /// The fields with their values changed.
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
    /// Reads `Deprecation` (RFC 9745: `@1783555200`; drafts of it wrote an HTTP date or `true`) and `Sunset` (RFC 8594,
    /// an HTTP date). A deprecation in the future is none yet.
    package init(headers: UpstreamHeaders, now: Timestamp) {
        let deprecation = headers.first(name: "Deprecation").map { String($0.trimmingWhitespace()) }
        let begins = deprecation.flatMap { Self.moment($0, now: now) }
        self.init(
            isDeprecated: begins.map { $0 <= now } ?? (deprecation?.lowercased() == "true"),
            sunset: headers.first(name: "Sunset").flatMap { Self.moment(String($0.trimmingWhitespace()), now: now) })
    }

    /// Reads the header fields of a 410: whatever they say, the endpoint is gone.
    package init(goneWith headers: UpstreamHeaders, now: Timestamp) {
        self.init(isDeprecated: true, sunset: UpstreamNotice(headers: headers, now: now).sunset)
    }

    private static func moment(_ text: String, now: Timestamp) -> Timestamp? {
        if text.hasPrefix("@") {
            // Past the year 9999 it is no date.
            return Int64(text.dropFirst()).flatMap { (0...253_402_300_799).contains($0) ? Timestamp(seconds: $0) : nil }
        }
        return HTTPDate.parse(text, now: now) ?? Timestamp(text)
    }
}

extension UpstreamHeaders {
    /// When the response left the provider: `Date`, and the time that a cache says it has kept it (`Age`, RFC 9111); nil
    /// where there is no date that can be read.
    func date(now: Timestamp) -> Timestamp? {
        guard let date = first(name: "Date").flatMap({ HTTPDate.parse($0, now: now) }) else { return nil }
        let age = first(name: "Age").flatMap { Int($0) }.flatMap { (0...31_536_000).contains($0) ? $0 : nil }
        return date + .seconds(age ?? 0)
    }
}
