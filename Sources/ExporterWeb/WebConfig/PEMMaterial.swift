import ExporterCore
import NIOSSL

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
