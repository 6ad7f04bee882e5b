import Foundation
import Upstream

/// Validates the values of `base_url` and `proxy`.
enum UpstreamAddress {
    /// The reason why an address is refused.
    struct Flaw: Error {
        let message: String
    }

    /// Validates an API's base URL and removes trailing slashes.
    static func baseURL(_ text: String, allowInsecure: Bool) -> Result<String, Flaw> {
        guard let parts = components(text), let scheme = parts.scheme?.lowercased(), let host = parts.host else {
            return .failure(Flaw(message: "expected an address such as https://api.example.com"))
        }
        if let flaw = commonFlaw(parts) { return .failure(flaw) }
        guard scheme == "https" || scheme == "http" else {
            return .failure(Flaw(message: "expected an address that begins with https://"))
        }
        guard scheme == "https" || allowInsecure || isLoopback(host) else {
            let message = "http:// would send the key unencrypted: use https://, or set allow_insecure: true"
            return .failure(Flaw(message: message))
        }
        var address = text[...]
        while address.last == "/" { address.removeLast() }
        return .success(String(address))
    }

    /// Parses a proxy: scheme, host and port, with an optional user name and password.
    static func proxy(_ text: String) -> Result<ProxyServer, Flaw> {
        do {
            let proxy = try ProxyServer(text)
            guard components(text)?.port != nil else {
                return .failure(Flaw(message: "expected a proxy with a port, such as http://proxy.example.com:3128"))
            }
            return .success(proxy)
        } catch {
            return .failure(Flaw(message: error.message))
        }
    }

    /// Returns whether a host is a loopback name or address, without a DNS lookup.
    static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased()
        if name == "localhost" || name.hasSuffix(".localhost") || name == "[::1]" || name == "::1" { return true }
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers.first == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }

    private static func components(_ text: String) -> URLComponents? {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        let parts = URLComponents(string: text, encodingInvalidCharacters: false)
        return parts?.host?.isEmpty == false ? parts : nil
    }

    private static func commonFlaw(_ parts: URLComponents) -> Flaw? {
        if parts.user != nil || parts.password != nil {
            return Flaw(message: "a user or password in an address is not used: remove everything up to the @")
        }
        if parts.query != nil || parts.fragment != nil {
            return Flaw(message: "an address ends before ? and #: remove what follows")
        }
        if let port = parts.port, !(1...65_535).contains(port) {
            return Flaw(message: "expected a port from 1 to 65535")
        }
        return nil
    }
}
