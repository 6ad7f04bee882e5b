import ExporterCore
import NIOCore
import NIOSSL

/// What a listener needs to speak TLS with one client: certificates as they were read at one moment.
struct ServerTLS: Sendable {
    /// Why the settings cannot be used; never holds a key.
    struct Unusable: Error, CustomStringConvertible {
        /// What it is about; nil for the settings as a whole.
        let part: TLSSettings.Part?
        /// The file that it stands in; nil where it stands in none.
        var file: String?
        /// What is wrong, and what would be right.
        let reason: String

        /// The reason, with the file before it.
        var description: String {
            guard let part, let file else { return reason }
            return "\(part.rawValue)_file \(file): \(reason)"
        }
    }

    private let context: NIOSSLContext
    private let policy: TLSSettings.ClientPolicy
    private let allowedNames: Set<String>
    /// Who signs clients' certificates; nil for the machine's own authorities.
    private let authorities: [NIOSSLCertificate]?

    /// Reads certificates and keys.
    ///
    /// - Throws: `Unusable` with the part that is wrong.
    init(_ settings: TLSSettings, files: any FileReading = SystemFiles()) throws(Unusable) {
        let chain = try settings.certificate.certificates(as: .certificate, from: files)
        let key = try settings.key.privateKey(from: files)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = settings.minimum
        configuration.maximumTLSVersion = settings.maximum
        if let ciphers = settings.ciphers { configuration.cipherSuiteValues = ciphers }
        if let curves = settings.curves { configuration.curves = curves }
        switch settings.clientPolicy {
        case .none: configuration.certificateVerification = .none
        case .request, .verifyIfGiven: configuration.certificateVerification = .optionalVerification
        case .requireAny, .require, .requireAndVerify: configuration.certificateVerification = .noHostnameVerification
        }
        let authorities = try settings.clientAuthorities?.certificates(as: .clientAuthorities, from: files)
        if let authorities { configuration.trustRoots = .certificates(authorities) }
        self.authorities = authorities
        configuration.applicationProtocols = (settings.isHTTP2 ? ["h2"] : []) + ["http/1.1"]
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw Self.unusable(error)
        }
        policy = settings.clientPolicy
        allowedNames = Set(settings.allowedNames)
    }

    /// Whether a handshake made with an earlier one may have admitted a client that this one refuses.
    func mayRefuse(clientsOf earlier: ServerTLS) -> Bool {
        switch policy {
        case .none, .request: false
        case .requireAny, .require, .verifyIfGiven, .requireAndVerify:
            policy != earlier.policy || authorities != earlier.authorities || allowedNames != earlier.allowedNames
        }
    }

    /// Adds what speaks TLS to a new connection's pipeline.
    func addHandlers(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        switch policy {
        case .request, .requireAny, .require:
            // Any certificate will do: the client only has to own its key, which the handshake itself proves.
            try pipeline.addHandler(
                NIOSSLServerHandler(context: context) { _, promise in promise.succeed(.certificateVerified) })
        case .none, .verifyIfGiven, .requireAndVerify:
            try pipeline.addHandler(NIOSSLServerHandler(context: context))
        }
        if !allowedNames.isEmpty { try pipeline.addHandler(ClientSANFilter(allowed: allowedNames)) }
    }

    /// The library's codes in plain words.
    private static func unusable(_ error: any Error) -> Unusable {
        // Certificate and key are good alone: what fails is that they are held against each other.
        if case NIOSSLError.failedToLoadPrivateKey = error {
            return Unusable(part: .key, reason: "the private key is not the certificate's")
        }
        return Unusable(part: nil, reason: "certificate, key and settings don't go together: \(error)")
    }
}

/// The names of Go's crypto/tls, which a web config uses.
enum TLSNames {
    static let versions: [String: TLSVersion] = [
        "TLS10": .tlsv1, "TLS11": .tlsv11, "TLS12": .tlsv12, "TLS13": .tlsv13,
    ]

    static let curves: [String: NIOTLSCurve] = [
        "CurveP256": .secp256r1, "CurveP384": .secp384r1, "CurveP521": .secp521r1, "X25519": .x25519,
    ]

    static let ciphers: [String: NIOTLSCipher] = [
        "TLS_AES_128_GCM_SHA256": .TLS_AES_128_GCM_SHA256,
        "TLS_AES_256_GCM_SHA384": .TLS_AES_256_GCM_SHA384,
        "TLS_CHACHA20_POLY1305_SHA256": .TLS_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": .TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": .TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": .TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": .TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_RSA_WITH_AES_128_CBC_SHA": .TLS_RSA_WITH_AES_128_CBC_SHA,
        "TLS_RSA_WITH_AES_128_GCM_SHA256": .TLS_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_RSA_WITH_AES_256_CBC_SHA": .TLS_RSA_WITH_AES_256_CBC_SHA,
        "TLS_RSA_WITH_AES_256_GCM_SHA384": .TLS_RSA_WITH_AES_256_GCM_SHA384,
    ]

    /// One of these must be offered where HTTP/2 is (RFC 9113, section 9.2.2).
    static let http2Ciphers: Set<NIOTLSCipher> = [
        .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ]
}

extension TLSSettings.Material {
    /// The largest PEM file: a bundle of every public authority is a quarter of it.
    private static let longest = 1_048_576

    /// The certificates in it, in their order.
    ///
    /// - Throws: `ServerTLS.Unusable`.
    func certificates(
        as part: TLSSettings.Part, from files: any FileReading
    ) throws(ServerTLS.Unusable) -> [NIOSSLCertificate] {
        let text = try text(as: part, from: files)
        guard text.contains("-----BEGIN CERTIFICATE-----") else {
            throw unusable(part, "there is no certificate in it: expected -----BEGIN CERTIFICATE-----")
        }
        do {
            return try NIOSSLCertificate.fromPEMBytes(Array(text.utf8))
        } catch {
            throw unusable(part, "a certificate in it is damaged")
        }
    }

    /// The private key in it.
    ///
    /// - Throws: `ServerTLS.Unusable`; it never holds a part of the key.
    func privateKey(from files: any FileReading) throws(ServerTLS.Unusable) -> NIOSSLPrivateKey {
        let text = try text(as: .key, from: files)
        guard text.contains("PRIVATE KEY-----") else {
            throw unusable(.key, "there is no private key in it: expected -----BEGIN PRIVATE KEY-----")
        }
        guard !text.contains("ENCRYPTED") else {
            throw unusable(.key, "the key in it is encrypted: store it without a passphrase (openssl pkey -in …)")
        }
        do {
            return try NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem)
        } catch {
            throw unusable(.key, "the private key in it is damaged, or of a kind that TLS does not use")
        }
    }

    private func text(as part: TLSSettings.Part, from files: any FileReading) throws(ServerTLS.Unusable) -> String {
        switch self {
        case .text(let text): return text
        case .file(let path):
            do {
                return String(decoding: try files.contents(of: path, limit: Self.longest), as: UTF8.self)
            } catch {
                throw unusable(part, "it cannot be read: \(error.reason)")
            }
        }
    }

    private func unusable(_ part: TLSSettings.Part, _ reason: String) -> ServerTLS.Unusable {
        switch self {
        case .file(let path): ServerTLS.Unusable(part: part, file: path, reason: reason)
        case .text: ServerTLS.Unusable(part: part, reason: "\(part.rawValue): \(reason)")
        }
    }
}
