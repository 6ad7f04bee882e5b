import Foundation

/// The base URL of an API: scheme, host, port and path prefix, without credentials, query or fragment.
package struct BaseURL: Sendable, Hashable, CustomStringConvertible {
    package let scheme: String
    /// The host in lower case; an IPv6 address is in brackets.
    package let host: String
    /// The port; by default that of the scheme.
    package let port: Int
    /// The path prefix, percent-encoded, without trailing `/`; empty if there is none.
    package let path: String

    /// Parses `https://api.example.com` or `https://proxy.example.com/prefix`.
    ///
    /// - Throws: `InvalidUpstreamSetting`, whose message omits the text because it may contain a password.
    package init(_ text: String) throws(InvalidUpstreamSetting) {
        guard let parts = URLComponents(string: text) else {
            throw InvalidUpstreamSetting("base_url is not a URL; write it like https://api.example.com")
        }
        guard let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
            throw InvalidUpstreamSetting("base_url must begin with https:// (or http://)")
        }
        guard parts.user == nil, parts.password == nil else {
            throw InvalidUpstreamSetting(
                "base_url must not contain a user name or password; the key belongs in api_key_env or api_key_file")
        }
        guard parts.query == nil, parts.fragment == nil else {
            throw InvalidUpstreamSetting("base_url must end before any ? or #")
        }
        guard let host = parts.percentEncodedHost?.lowercased(), !host.isEmpty,
            host.utf8.allSatisfy({ Self.hostCharacters.contains($0) })
        else { throw InvalidUpstreamSetting("base_url has no valid host; write it like https://api.example.com") }
        let port = parts.port ?? Self.defaultPort(scheme)
        guard (1...65_535).contains(port) else {
            throw InvalidUpstreamSetting("base_url has a port outside 1 to 65535")
        }
        self.scheme = scheme
        self.host = host
        self.port = port
        var path = PercentEncoding.path(parts.percentEncodedPath)
        while path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    /// The normalized URL: no default port, no trailing `/`.
    package var description: String { origin + path }

    /// Scheme, host and port. Credentials are sent only to URLs of the same origin.
    var origin: String { "\(scheme)://\(host)\(port == Self.defaultPort(scheme) ? "" : ":\(port)")" }

    private static let hostCharacters = Set("abcdefghijklmnopqrstuvwxyz0123456789-._[]:".utf8)

    private static func defaultPort(_ scheme: String) -> Int { scheme == "https" ? 443 : 80 }
}

extension BaseURL {
    /// Returns the absolute URL of a call, including the path prefix.
    func url(of call: UpstreamCall) -> String {
        origin + path + call.path + (call.query.isEmpty ? "" : "?" + call.query)
    }
}

/// Percent-encodes text (RFC 3986): bytes of UTF-8 as `%XX` in upper-case hexadecimal.
enum PercentEncoding {
    /// Encodes all but the unreserved characters (letters, digits, `-._~`): for names and values of a query, and for an
    /// identifier that must be one path segment.
    static func strict(_ text: some StringProtocol) -> String {
        encode(text.utf8) { isUnreserved($0) }
    }

    /// Encodes all but letters and digits.
    static func alphanumeric(_ text: some StringProtocol) -> String {
        encode(text.utf8) { isUnreserved($0) && !"-._~".utf8.contains($0) }
    }

    /// Encodes every byte.
    static func whole(_ text: some StringProtocol) -> String { encode(text.utf8) { _ in false } }

    /// Encodes a path whose segments are separated by `/`. A `%` followed by two hexadecimal digits counts as encoded.
    static func path(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var encoded: [UInt8] = []
        encoded.reserveCapacity(bytes.count)
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < bytes.count
                && isHexadecimal(bytes[index + 1]) && isHexadecimal(bytes[index + 2])
            if isEscape || byte == UInt8(ascii: "/") || isSegmentCharacter(byte) {
                encoded.append(byte)
            } else {
                append(byte, to: &encoded)
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func encode(_ bytes: some Sequence<UInt8>, unless isKept: (UInt8) -> Bool) -> String {
        var encoded: [UInt8] = []
        for byte in bytes {
            if isKept(byte) { encoded.append(byte) } else { append(byte, to: &encoded) }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func append(_ byte: UInt8, to encoded: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// RFC 3986 `pchar` without the escapes: unreserved, sub-delims, `:` and `@`.
    private static func isSegmentCharacter(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || "!$&'()*+,;=:@".utf8.contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
