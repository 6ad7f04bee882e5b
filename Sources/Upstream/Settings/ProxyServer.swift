import Foundation
import UsageModel

/// An HTTP proxy, used with `CONNECT`, so that TLS terminates at the API.
package struct ProxyServer: Sendable, Hashable {
    package let host: String
    package let port: Int
    /// The user name for basic authentication; nil if there is none.
    package let user: String?
    private let storedPassword: String?
    private let passwordFile: PasswordFile?

    /// Parses `http://proxy.example.com:3128` or `http://user:password@proxy.example.com:3128`; the default port is 3128.
    ///
    /// - Throws: `InvalidUpstreamSetting`, whose message omits the text because it may contain a password.
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

    /// Returns the same proxy with a password that is read for each request.
    ///
    /// - Parameters:
    ///   - file: the password's file; proxies are compared by its path.
    ///   - read: returns the password. The message of a `ReasonedFailure` that it throws is shown to the operator.
    package func passwordRead(
        from file: String, by read: @escaping @Sendable () throws -> String
    ) -> ProxyServer {
        ProxyServer(self, passwordFile: PasswordFile(path: file, read: read))
    }

    /// The password in the address; nil if there is none.
    package var passwordInAddress: String? { storedPassword }

    /// Returns the current password; empty if there is none.
    ///
    /// - Throws: `UpstreamFailure` with the reason `network` if its file cannot be read.
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

    package var debugDescription: String { description }

    /// Host and port only, because `dump` and test failures print the mirror.
    package var customMirror: Mirror { Mirror(self, children: ["host": host, "port": port]) }
}

/// The proxy for HTTPS requests from the environment: `https_proxy` or `HTTPS_PROXY`, and `no_proxy` or `NO_PROXY` for
/// hosts without proxy. As in curl, the lower-case name has precedence.
///
/// `NO_PROXY` lists domains, separated by commas or spaces: `example.com` and `.example.com` both match `example.com` and
/// `api.example.com`; `*` on its own matches every host. An IP address matches itself.
package struct ProxyEnvironment: Sendable {
    private let proxy: (variable: String, address: String)?
    private let exceptions: [String]

    /// Reads the environment; an empty variable counts as unset.
    package init(_ environment: [String: String]) {
        func variable(_ name: String) -> (String, String)? {
            [name.lowercased(), name].lazy.compactMap { key in
                environment[key].map { (key, $0.trimmingCharacters(in: .whitespaces)) }
            }.first { !$0.1.isEmpty }
        }
        proxy = variable("HTTPS_PROXY").map { (variable: $0.0, address: $0.1) }
        exceptions = (variable("NO_PROXY")?.1 ?? "").lowercased().split { $0 == "," || $0 == " " }.map(Self.bare)
    }

    /// Returns the proxy for an API; nil for a direct connection.
    ///
    /// - Throws: `InvalidUpstreamSetting` with the variable's name, without its value.
    package func proxy(for baseURL: BaseURL) throws(InvalidUpstreamSetting) -> ProxyServer? {
        guard baseURL.scheme == "https", let proxy, !isExcepted(baseURL.host) else { return nil }
        do {
            // As in curl, the scheme is optional.
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

    /// Removes a domain's leading or trailing dot and the brackets of an IPv6 address.
    private static func bare(_ host: Substring) -> String {
        host.trimmingCharacters(in: CharacterSet(charactersIn: ".[]"))
    }
}
