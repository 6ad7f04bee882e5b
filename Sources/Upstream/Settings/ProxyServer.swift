import Foundation
import UsageModel

/// An HTTP proxy: requests go through it by `CONNECT`, so that TLS still ends at the API.
package struct ProxyServer: Sendable, Hashable {
    /// The proxy's host.
    package let host: String
    /// The proxy's port.
    package let port: Int
    /// The user name for basic authentication; nil for none.
    package let user: String?
    private let storedPassword: String?
    private let passwordFile: PasswordFile?

    /// Reads `http://proxy.example.com:3128` or `http://user:password@proxy.example.com:3128`; without a port, 3128.
    ///
    /// - Throws: `InvalidUpstreamSetting`, whose message does not repeat the text: it may hold a password.
    package init(_ text: String) throws(InvalidUpstreamSetting) {
        let example = "such as http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128"
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let parts = URLComponents(string: text, encodingInvalidCharacters: false),
            parts.scheme?.lowercased() == "http", let host = parts.host, !host.isEmpty
        else { throw InvalidUpstreamSetting("expected a proxy \(example)") }
        guard parts.query == nil, parts.fragment == nil, parts.path.isEmpty || parts.path == "/" else {
            throw InvalidUpstreamSetting("a proxy ends after host and port, \(example)")
        }
        let port = parts.port ?? 3128
        guard (1...65_535).contains(port) else {
            throw InvalidUpstreamSetting("a proxy has a port from 1 to 65535")
        }
        let user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
        // RFC 7617: the first colon ends the user name.
        guard user?.contains(":") != true, user != nil || parts.password?.isEmpty ?? true else {
            throw InvalidUpstreamSetting("a proxy's password needs a user name without a colon, \(example)")
        }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = port
        self.user = user
        storedPassword = parts.password
        passwordFile = nil
    }

    private init(_ proxy: ProxyServer, passwordFile: PasswordFile) {
        host = proxy.host
        port = proxy.port
        user = proxy.user
        storedPassword = nil
        self.passwordFile = passwordFile
    }

    /// The same proxy with a password that is read again for each request.
    ///
    /// - Parameters:
    ///   - file: where it is read: two proxies with one file are equal.
    ///   - read: returns the password. The message of a `ReasonedFailure` that it throws is shown to the user.
    package func passwordRead(
        from file: String, by read: @escaping @Sendable () throws -> String
    ) -> ProxyServer {
        ProxyServer(self, passwordFile: PasswordFile(path: file, read: read))
    }

    /// The password that the address itself has; nil for none.
    package var passwordInAddress: String? { storedPassword }

    /// The password as it is now; empty for none.
    ///
    /// - Throws: `UpstreamFailure` with the reason `network` where its file cannot be read.
    func password() throws(UpstreamFailure) -> String {
        guard let passwordFile else { return storedPassword ?? "" }
        do {
            return try passwordFile.read()
        } catch {
            let detail = (error as? any ReasonedFailure)?.message ?? "it could not be read"
            throw UpstreamFailure(reason: .network, message: "no password for the proxy \(self): \(detail)")
        }
    }

    private struct PasswordFile: Sendable, Hashable {
        let path: String
        let read: @Sendable () throws -> String

        static func == (left: PasswordFile, right: PasswordFile) -> Bool { left.path == right.path }

        func hash(into hasher: inout Hasher) { hasher.combine(path) }
    }
}

extension ProxyServer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Host and port, without user name and password.
    package var description: String { "\(host):\(port)" }

    /// Host and port, without user name and password.
    package var debugDescription: String { description }

    /// Host and port only: `dump` and test failures print what a mirror shows.
    package var customMirror: Mirror { Mirror(self, children: ["host": host, "port": port]) }
}

/// The proxy that the environment names for HTTPS requests: `https_proxy` or `HTTPS_PROXY`, and `no_proxy` or `NO_PROXY`
/// for the hosts that are reached directly. As in curl, the name in lower case has precedence.
///
/// `NO_PROXY` lists domains, separated by commas or spaces: `example.com` and `.example.com` both match `example.com` and
/// `api.example.com`; `*` on its own matches every host. An IP address matches itself.
package struct ProxyEnvironment: Sendable {
    private let proxy: (variable: String, address: String)?
    private let exceptions: [String]

    /// Reads the environment; an empty variable counts as not set.
    package init(_ environment: [String: String]) {
        func variable(_ name: String) -> (String, String)? {
            [name.lowercased(), name].lazy.compactMap { key in
                environment[key].map { (key, $0.trimmingCharacters(in: .whitespaces)) }
            }.first { !$0.1.isEmpty }
        }
        proxy = variable("HTTPS_PROXY").map { (variable: $0.0, address: $0.1) }
        exceptions = (variable("NO_PROXY")?.1 ?? "").lowercased().split { $0 == "," || $0 == " " }.map(Self.bare)
    }

    /// The proxy for an API; nil where it is reached directly.
    ///
    /// - Throws: `InvalidUpstreamSetting`, which names the variable and does not repeat its value.
    package func proxy(for baseURL: BaseURL) throws(InvalidUpstreamSetting) -> ProxyServer? {
        guard baseURL.scheme == "https", let proxy, !isExcepted(baseURL.host) else { return nil }
        do {
            // curl takes a host and a port without a scheme.
            return try ProxyServer(proxy.address.contains("://") ? proxy.address : "http://" + proxy.address)
        } catch {
            throw InvalidUpstreamSetting(
                "the environment variable \(proxy.variable) cannot be used: \(error.message); "
                    + "correct it, unset it, or set proxy")
        }
    }

    private func isExcepted(_ host: String) -> Bool {
        let host = Self.bare(host[...])
        return exceptions == ["*"] || exceptions.contains { host == $0 || host.hasSuffix("." + $0) }
    }

    /// A host without a domain's leading or trailing dot and without the brackets of an IPv6 address.
    private static func bare(_ host: Substring) -> String {
        host.trimmingCharacters(in: CharacterSet(charactersIn: ".[]"))
    }
}
