import Foundation
import NIOSSL

/// A self-signed certificate only for `localhost`, valid for a hundred years. Its key is not secret.
enum TestCertificate {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBtjCCAV2gAwIBAgIUPAncKeJHrQHRHX5XquStdPyoWnEwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaZ2VuYWktdXNhZ2UtZXhwb3J0ZXIgdGVzdHMwIBcNMjYxMTIw
        MjM1OTQ5WhgPMjEyNjEwMjcyMzU5NDlaMCUxIzAhBgNVBAMMGmdlbmFpLXVzYWdl
        LWV4cG9ydGVyIHRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsPsV4gG5
        0mKh1oHoT/U1lccLHAB6kqEiZ2sjR66p1XdI0s2oAR58CzJUtn6bLPWT55Z3cEzj
        58Pq8a9zROPYSKNpMGcwHQYDVR0OBBYEFH+ZQjQH4V0K6CDboiWvJCa6/J6WMB8G
        A1UdIwQYMBaAFH+ZQjQH4V0K6CDboiWvJCa6/J6WMA8GA1UdEwEB/wQFMAMBAf8w
        FAYDVR0RBA0wC4IJbG9jYWxob3N0MAoGCCqGSM49BAMCA0cAMEQCIBH/QFVGZ+jc
        4CrIE9WbdELxcRsat/6YhAToys41yFm9AiBCHL/fK+U54HLe3xAGzd5p9ion6oE3
        fP3g0SwyhdcCjg==
        -----END CERTIFICATE-----

        """

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdTvQbRNJdV7gD4l0
        htGCURb+6VtBSwRIJ5Qgwar1eDqhRANCAASw+xXiAbnSYqHWgehP9TWVxwscAHqS
        oSJnayNHrqnVd0jSzagBHnwLMlS2fpss9ZPnlndwTOPnw+rxr3NE49hI
        -----END PRIVATE KEY-----

        """

    static func serverContext() throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))))
    }

    /// Runs a body with the path of a file with the certificate.
    static func withFile<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".pem")
        try Data(certificate.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await body(file.path)
    }
}
