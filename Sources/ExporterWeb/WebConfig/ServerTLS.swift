import ConfigReading
import ExporterCore
import NIOCore
import NIOSSL

/// TLS settings of new connections, with the certificates as they were when the config was loaded.
struct ServerTLS: Sendable {
    /// An unusable TLS setting; the description never contains a key.
    struct Unusable: Error, CustomStringConvertible {
        /// The setting with the problem; nil for all settings together.
        let part: TLSSettings.Part?
        /// The setting's file; nil if it is not read from a file.
        var file: String?
        let reason: String

        var description: String {
            guard let part, let file else { return reason }
            return "\(part.rawValue)_file \(file): \(reason)"
        }
    }

    private let context: NIOSSLContext
    private let policy: TLSSettings.ClientPolicy
    private let allowedNames: Set<String>
    /// CAs of client certificates; nil for the system's trust store.
    private let authorities: [NIOSSLCertificate]?

    /// Reads certificates and keys.
    ///
    /// - Throws: `Unusable` with the invalid part.
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

    /// Whether earlier settings may have admitted a client that these reject.
    func mayRefuse(clientsOf earlier: ServerTLS) -> Bool {
        switch policy {
        case .none, .request: false
        case .requireAny, .require, .verifyIfGiven, .requireAndVerify:
            policy != earlier.policy || authorities != earlier.authorities || allowedNames != earlier.allowedNames
        }
    }

    /// Adds the TLS handlers to a new connection's pipeline.
    func addHandlers(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        switch policy {
        case .request, .requireAny, .require:
            // Any certificate is accepted: the handshake proves that the client owns its key.
            try pipeline.addHandler(
                NIOSSLServerHandler(context: context) { _, promise in promise.succeed(.certificateVerified) })
        case .none, .verifyIfGiven, .requireAndVerify:
            try pipeline.addHandler(NIOSSLServerHandler(context: context))
        }
        if !allowedNames.isEmpty { try pipeline.addHandler(ClientSANFilter(allowed: allowedNames)) }
    }

    /// Converts an error of NIOSSL to a message.
    private static func unusable(_ error: any Error) -> Unusable {
        // Certificate and key were parsed before, so that this error means that they do not match.
        if case NIOSSLError.failedToLoadPrivateKey = error {
            return Unusable(part: .key, reason: "the private key does not match the certificate")
        }
        return Unusable(part: nil, reason: "invalid TLS settings: \(error)")
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

    /// Ciphers of which HTTP/2 requires one (RFC 9113, section 9.2.2).
    static let http2Ciphers: Set<NIOTLSCipher> = [
        .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ]
}

extension TLSSettings.Material {
    /// Size limit of a PEM file in bytes: four times a bundle of all public CAs.
    private static let longest = 1_048_576

    /// Parses the certificates, in order.
    ///
    /// - Throws: `ServerTLS.Unusable`.
    func certificates(
        as part: TLSSettings.Part, from files: any FileReading
    ) throws(ServerTLS.Unusable) -> [NIOSSLCertificate] {
        let text = try text(as: part, from: files)
        guard text.contains("-----BEGIN CERTIFICATE-----") else {
            throw unusable(part, "no certificate found: expected -----BEGIN CERTIFICATE-----")
        }
        do {
            return try NIOSSLCertificate.fromPEMBytes(Array(text.utf8))
        } catch {
            throw unusable(part, "a certificate is malformed")
        }
    }

    /// Parses the private key.
    ///
    /// - Throws: `ServerTLS.Unusable`, which never contains a part of the key.
    func privateKey(from files: any FileReading) throws(ServerTLS.Unusable) -> NIOSSLPrivateKey {
        let text = try text(as: .key, from: files)
        guard text.contains("PRIVATE KEY-----") else {
            throw unusable(.key, "no private key found: expected -----BEGIN PRIVATE KEY-----")
        }
        guard !text.contains("ENCRYPTED") else {
            throw unusable(.key, "the private key is encrypted: store it without a passphrase (openssl pkey -in …)")
        }
        do {
            return try NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem)
        } catch {
            throw unusable(.key, "the private key is malformed, or of a type that TLS does not support")
        }
    }

    private func text(as part: TLSSettings.Part, from files: any FileReading) throws(ServerTLS.Unusable) -> String {
        switch self {
        case .text(let text): return text
        case .file(let path):
            do {
                return String(decoding: try files.contents(of: path, limit: Self.longest), as: UTF8.self)
            } catch {
                throw unusable(part, "cannot be read: \(error.reason)")
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
