import NIOSSL

/// What a web config file says: exporter-toolkit's schema (its page "web-configuration").
package struct WebConfiguration: Sendable, Hashable {
    /// How to speak TLS; nil for plain HTTP.
    var tls: TLSSettings?
    /// Headers that go on every answer, in the order of the file.
    var headers: [Header] = []
    /// bcrypt hashes by user name; none where nobody has to say who they are.
    var users: [String: String] = [:]
    /// How often requests are let in, all clients together; nil for no limit.
    var rateLimit: RateLimit?

    /// Whether this one asks less of clients than an earlier one did: no TLS, no password or no certificate any more.
    func weakens(after earlier: WebConfiguration) -> Bool {
        if users.isEmpty, !earlier.users.isEmpty { return true }
        guard let old = earlier.tls else { return false }
        guard let new = tls else { return true }
        return new.clientPolicy == .none && old.clientPolicy != .none
            || new.allowedNames.isEmpty && !old.allowedNames.isEmpty
    }

    /// One header of every answer.
    struct Header: Sendable, Hashable {
        let name: String
        let value: String
    }

    /// A token bucket: a token every `interval`, at most `burst` of them saved up.
    struct RateLimit: Sendable, Hashable {
        let interval: Duration
        let burst: Int
    }
}

/// `tls_server_config`.
struct TLSSettings: Sendable, Hashable {
    /// PEM text, or the file that holds it.
    enum Material: Sendable, Hashable {
        case file(String)
        case text(String)
    }

    /// What stands in PEM; the words are the file's keys.
    enum Part: String, Sendable {
        case certificate = "cert"
        case key
        case clientAuthorities = "client_ca"
    }

    /// What is asked of a client's certificate; the words are Go's.
    enum ClientPolicy: String, Sendable, Hashable, CaseIterable {
        /// Nothing is asked.
        case none = "NoClientCert"
        /// It is asked for, and need not come.
        case request = "RequestClientCert"
        /// Any will do.
        case requireAny = "RequireAnyClientCert"
        /// The older word for any.
        case require = "RequireClientCert"
        /// One that comes must be signed by the client authorities.
        case verifyIfGiven = "VerifyClientCertIfGiven"
        /// One must come, signed by the client authorities.
        case requireAndVerify = "RequireAndVerifyClientCert"
    }

    let certificate: Material
    let key: Material
    var clientPolicy = ClientPolicy.none
    /// The authorities that sign clients' certificates; nil for the machine's own.
    var clientAuthorities: Material?
    /// Where not empty, a client's certificate must name one of these.
    var allowedNames: [String] = []
    /// In order of preference; nil for the library's own list.
    var ciphers: [NIOTLSCipher]?
    var curves: [NIOTLSCurve]?
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    var isHTTP2 = true
    var minimum = TLSVersion.tlsv12
    var maximum = TLSVersion.tlsv13

    /// Every file that it is read from.
    var files: [String] {
        [certificate, key, clientAuthorities].compactMap { material in
            if case .file(let path)? = material { path } else { nil }
        }
    }
}
