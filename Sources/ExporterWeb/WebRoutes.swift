import Foundation

/// Path prefixes of requests, and of links behind a reverse proxy.
///
/// `--web.external-url` and `--web.route-prefix` work as in Prometheus.
package struct WebRoutes: Sendable, Hashable {
    /// An invalid value of one of the flags.
    package struct Invalid: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The URL that clients use.
    struct External: Sendable, Hashable {
        let scheme: String
        /// `host` or `host:port`.
        let authority: String
        /// Empty, or a path without a trailing slash.
        let path: String
    }

    let external: External?
    /// Prefix of all request paths: empty, or a path without a trailing slash.
    package let prefix: String

    /// No prefix and no external URL.
    package static let root = WebRoutes(external: nil, prefix: "")

    private init(external: External?, prefix: String) {
        self.external = external
        self.prefix = prefix
    }

    /// Reads the two flags.
    ///
    /// - Parameters:
    ///   - externalURL: the URL under which clients reach `/`; nil without a reverse proxy.
    ///   - routePrefix: prefix of request paths; nil for the path of `externalURL`.
    /// - Throws: `Invalid`.
    package init(externalURL: String?, routePrefix: String?) throws(Invalid) {
        let external: External? = if let externalURL { try Self.external(externalURL) } else { nil }
        let prefix = routePrefix.map(Self.trimmed) ?? external?.path ?? ""
        guard Self.isPlain(prefix) else {
            throw Invalid(
                description: "--web.route-prefix must be a path of letters, digits and -._~, such as /genai")
        }
        self.init(external: external, prefix: prefix)
    }

    /// Prefix of links: empty, or a path without a trailing slash.
    var linkPrefix: String { external?.path ?? prefix }

    /// A request's path without the prefix; nil if it does not begin with the prefix.
    ///
    /// Health checks are served at the root too.
    func local(_ path: String) -> String? {
        if prefix.isEmpty || Route.healthChecks.contains(where: { $0.path == path }) { return path }
        guard path.hasPrefix(prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        return rest.isEmpty ? "/" : rest.hasPrefix("/") ? String(rest) : nil
    }

    private static func external(_ text: String) throws(Invalid) -> External {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = url.host, !host.isEmpty, url.user == nil,
            url.password == nil, url.query == nil, url.fragment == nil, isPlain(trimmed(url.path))
        else {
            throw Invalid(
                description: "--web.external-url must be a URL such as https://example.com/genai, without user, query "
                    + "or fragment")
        }
        return External(
            scheme: scheme, authority: host + (url.port.map { ":\($0)" } ?? ""), path: trimmed(url.path))
    }

    private static func trimmed(_ path: String) -> String {
        let path = path.drop { $0 == "/" }
        let end = path.lastIndex { $0 != "/" }.map { path.index(after: $0) } ?? path.startIndex
        return end == path.startIndex ? "" : "/" + path[..<end]
    }

    /// Whether a path needs neither percent-encoding nor normalization in a URL.
    private static func isPlain(_ path: String) -> Bool {
        path.isEmpty
            || path.wholeMatch(of: #/(/[A-Za-z0-9._~-]+)+/#) != nil
                && !path.split(separator: "/").contains { $0.allSatisfy { $0 == "." } }
    }
}
