import NIOSSL

/// Content of a web config file, in exporter-toolkit's schema (its page "web-configuration").
package struct WebConfiguration: Sendable, Hashable {
    /// Nil for plain HTTP.
    var tls: TLSSettings?
    /// Headers of every response, in the order of the file.
    var headers: [Header] = []
    /// bcrypt hashes by user name; empty without authentication.
    var users: [String: String] = [:]
    /// Limit for all clients together; nil for no limit.
    var rateLimit: RateLimit?

    /// Whether this config drops TLS, passwords or client certificates that an earlier one required.
    func weakens(after earlier: WebConfiguration) -> Bool {
        if users.isEmpty, !earlier.users.isEmpty { return true }
        guard let old = earlier.tls else { return false }
        guard let new = tls else { return true }
        let (policy, earlier) = (new.clientPolicy, old.clientPolicy)
        return policy == .none && earlier != .none || earlier.requires && !policy.requires
            || earlier.verifies && !policy.verifies || new.allowedNames.isEmpty && !old.allowedNames.isEmpty
    }

    struct Header: Sendable, Hashable {
        let name: String
        let value: String
    }

    /// A token bucket: a token per `interval`, at most `burst` tokens.
    struct RateLimit: Sendable, Hashable {
        let interval: Duration
        let burst: Int
    }
}

/// `tls_server_config`.
struct TLSSettings: Sendable, Hashable {
    /// PEM text, or the path of its file.
    enum Material: Sendable, Hashable {
        case file(String)
        case text(String)
    }

    /// Settings in PEM; raw values are the config's keys.
    enum Part: String, Sendable {
        case certificate = "cert"
        case key
        case clientAuthorities = "client_ca"
    }

    /// Policy for client certificates; raw values are Go's names.
    enum ClientPolicy: String, Sendable, Hashable, CaseIterable {
        case none = "NoClientCert"
        /// A certificate is requested, but optional and not verified.
        case request = "RequestClientCert"
        /// A certificate is required, but not verified.
        case requireAny = "RequireAnyClientCert"
        /// An older name of `requireAny`.
        case require = "RequireClientCert"
        /// A certificate is optional, and verified against the client CAs.
        case verifyIfGiven = "VerifyClientCertIfGiven"
        /// A certificate is required, and verified against the client CAs.
        case requireAndVerify = "RequireAndVerifyClientCert"

        /// Whether a client without a certificate is rejected.
        var requires: Bool { [.requireAny, .require, .requireAndVerify].contains(self) }
        /// Whether a certificate must be one of the authorities'.
        var verifies: Bool { self == .verifyIfGiven || self == .requireAndVerify }
    }

    let certificate: Material
    let key: Material
    var clientPolicy = ClientPolicy.none
    /// CAs of client certificates; nil for the system's trust store.
    var clientAuthorities: Material?
    /// Allowed subject alternative names of client certificates; empty for any.
    var allowedNames: [String] = []
    /// In order of preference; nil for the library's default.
    var ciphers: [NIOTLSCipher]?
    var curves: [NIOTLSCurve]?
    /// Whether HTTP/2 is offered in addition to HTTP/1.1.
    var isHTTP2 = true
    var minimum = TLSVersion.tlsv12
    var maximum = TLSVersion.tlsv13

    /// Paths of all files that the settings name.
    var files: [String] {
        [certificate, key, clientAuthorities].compactMap { material in
            if case .file(let path)? = material { path } else { nil }
        }
    }
}
