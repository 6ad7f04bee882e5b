import TestSupport
import Testing

/// A server's certificate and key in a folder, which can be replaced.
struct SelfSignedCertificate {
    let folder: String

    /// The section of a web config in the same folder.
    static let section = "tls_server_config: { cert_file: server.crt, key_file: server.key }\n"

    /// Creates or replaces both files.
    func renew(_ name: String) throws {
        let openssl = try Tool(named: "openssl", installation: "apt-get install openssl")
        let made = try openssl.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-keyout", "\(folder)/server.key", "-out", "\(folder)/server.crt",
        ])
        #expect(made.status == 0, "\(made.output)")
    }

    /// Returns openssl's output about a server's certificate.
    static func seen(at address: String) throws -> String {
        try Tool(named: "openssl", installation: "apt-get install openssl").run(["s_client", "-connect", address])
            .output
    }
}
