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
        if !allowedNames.isEmpty { try pipeline.addHandler(ClientNameCheck(allowed: allowedNames)) }
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
