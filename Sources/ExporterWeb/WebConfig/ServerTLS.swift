import NIOCore
import NIOSSL

/// What a listener needs to speak TLS with one client: certificates as they were read at one moment.
struct ServerTLS: Sendable {
    /// Why the settings cannot be used; never holds a key.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    private let context: NIOSSLContext
    private let policy: TLSSettings.ClientPolicy
    private let allowedNames: Set<String>

    /// Reads certificates and keys.
    ///
    /// - Throws: `Unusable` with the part that is wrong.
    init(_ settings: TLSSettings) throws(Unusable) {
        let chain = try Self.part("cert_file") { try Self.certificates(settings.certificate) }
        let key = try Self.part("key_file") { try Self.key(settings.key) }
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
        if let authorities = settings.clientAuthorities {
            let trusted = try Self.part("client_ca_file") { try Self.certificates(authorities) }
            configuration.trustRoots = .certificates(trusted)
        }
        configuration.applicationProtocols = (settings.isHTTP2 ? ["h2"] : []) + ["http/1.1"]
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw Unusable(description: "certificate, key and settings don't go together: \(error)")
        }
        policy = settings.clientPolicy
        allowedNames = Set(settings.allowedNames)
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

    private static func part<Value>(_ name: String, _ body: () throws -> Value) throws(Unusable) -> Value {
        do {
            return try body()
        } catch let error as Unusable {
            throw Unusable(description: "\(name): \(error.description)")
        } catch {
            throw Unusable(description: "\(name): there is no such file, or it is not PEM")
        }
    }

    private static func certificates(_ material: TLSSettings.Material) throws -> [NIOSSLCertificate] {
        let found =
            switch material {
            case .file(let path): try NIOSSLCertificate.fromPEMFile(path)
            case .text(let text): try NIOSSLCertificate.fromPEMBytes(Array(text.utf8))
            }
        guard !found.isEmpty else { throw Unusable(description: "there is no certificate in it") }
        return found
    }

    private static func key(_ material: TLSSettings.Material) throws -> NIOSSLPrivateKey {
        switch material {
        case .file(let path): try NIOSSLPrivateKey(file: path, format: .pem)
        case .text(let text): try NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem)
        }
    }
}
