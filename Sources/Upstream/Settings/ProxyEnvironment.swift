import Foundation

/// The proxy that the environment names for HTTPS requests: `https_proxy` or `HTTPS_PROXY`, and `no_proxy` or `NO_PROXY`
/// for the hosts that are reached directly. As in curl, the name in lower case has precedence.
///
/// `NO_PROXY` lists domains, separated by commas or spaces: `example.com` and `.example.com` both match `example.com` and
/// `api.example.com`; `*` on its own matches every host. An IP address matches itself.
public struct ProxyEnvironment: Sendable {
    private let proxy: (variable: String, address: String)?
    private let exceptions: [String]

    /// Reads the environment; an empty variable counts as not set.
    public init(_ environment: [String: String]) {
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
    public func proxy(for baseURL: BaseURL) throws(InvalidUpstreamSetting) -> ProxyServer? {
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
