import Foundation

/// Where an API is: scheme, host, port and a path prefix, without credentials, query or fragment.
public struct BaseURL: Sendable, Hashable, CustomStringConvertible {
    /// `http` or `https`.
    public let scheme: String
    /// The host in lower case; an IPv6 address stands in brackets.
    public let host: String
    /// The port, the scheme's own one where the text names none.
    public let port: Int
    /// The path prefix, percent-encoded, without a `/` at its end; empty for none.
    public let path: String

    /// Reads `https://api.example.com` or `https://proxy.example.com/prefix`.
    ///
    /// - Throws: `InvalidUpstreamSetting`, whose message does not repeat the text: it may hold a password.
    public init(_ text: String) throws(InvalidUpstreamSetting) {
        guard let parts = URLComponents(string: text) else {
            throw InvalidUpstreamSetting("base_url is not a URL; write it like https://api.example.com")
        }
        guard let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
            throw InvalidUpstreamSetting("base_url must begin with https:// (or http://)")
        }
        guard parts.user == nil, parts.password == nil else {
            throw InvalidUpstreamSetting(
                "base_url must not hold a user name or password; the key belongs in api_key_env or api_key_file")
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

    /// The URL in its shortest form: no default port, no `/` at the end.
    public var description: String { origin + path }

    /// Scheme, host and port: what two URLs must share for a credential to go from one to the other.
    var origin: String { "\(scheme)://\(host)\(port == Self.defaultPort(scheme) ? "" : ":\(port)")" }

    private static let hostCharacters = Set("abcdefghijklmnopqrstuvwxyz0123456789-._[]:".utf8)

    private static func defaultPort(_ scheme: String) -> Int { scheme == "https" ? 443 : 80 }
}

extension BaseURL {
    /// The absolute URL of a call: the path prefix stays.
    func url(of call: UpstreamCall) -> String {
        origin + path + call.path + (call.query.isEmpty ? "" : "?" + call.query)
    }
}
