import Crypto
import Foundation
import X509

/// A certificate and its key, generated in each process so that the repository has to contain none.
enum StagedCertificate {
    /// The certificate as PEM text.
    static let certificate = (try? Self.signed.serializeAsPEM().pemString) ?? ""
    /// Its private key as PEM text.
    static let key = privateKey.pemRepresentation

    private static let privateKey = P256.Signing.PrivateKey()

    private static var signed: Certificate {
        get throws {
            let name = try DistinguishedName { CommonName("exporter.example") }
            let own = Certificate.PrivateKey(privateKey)
            return try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: own.publicKey,
                notValidBefore: .now - 3600, notValidAfter: .now + 86_400, issuer: name, subject: name,
                signatureAlgorithm: .ecdsaWithSHA256, extensions: Certificate.Extensions(), issuerPrivateKey: own)
        }
    }
}
