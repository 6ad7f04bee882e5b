import Foundation

/// An HTTP proxy: requests go through it by `CONNECT`, so that TLS still ends at the API.
public struct ProxyServer: Sendable, Hashable {
    /// The proxy's host.
    public let host: String
    /// The proxy's port.
    public let port: Int
    /// The user name for basic authentication; nil for none.
    public let user: String?
    let password: String

    /// Reads `http://proxy.example.com:3128` or `http://user:password@proxy.example.com:3128`; without a port, 3128.
    ///
    /// - Throws: `InvalidUpstreamSetting`, whose message does not repeat the text: it may hold a password.
    public init(_ text: String) throws(InvalidUpstreamSetting) {
        guard let parts = URLComponents(string: text), parts.scheme?.lowercased() == "http", let host = parts.host,
            !host.isEmpty
        else { throw InvalidUpstreamSetting("proxy must be written like http://proxy.example.com:3128") }
        guard parts.query == nil, parts.fragment == nil, parts.path.isEmpty || parts.path == "/" else {
            throw InvalidUpstreamSetting("proxy must end after host and port, like http://proxy.example.com:3128")
        }
        let port = parts.port ?? 3128
        guard (1...65_535).contains(port) else {
            throw InvalidUpstreamSetting("proxy has a port outside 1 to 65535")
        }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = port
        user = parts.user
        password = parts.password ?? ""
    }
}

extension ProxyServer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Host and port, without user name and password.
    public var description: String { "\(host):\(port)" }

    /// Host and port, without user name and password.
    public var debugDescription: String { description }

    /// Host and port alone: `dump` and test failures print what a mirror shows.
    public var customMirror: Mirror { Mirror(self, children: ["host": host, "port": port]) }
}
