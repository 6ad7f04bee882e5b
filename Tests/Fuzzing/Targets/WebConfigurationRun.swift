import ExporterCore
import ExporterWeb

/// Loads the fuzzed bytes as the web config file.
struct WebConfigurationRun {
    /// The password hash of the seeds.
    private static let hash = "2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"

    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Checks that a web config is accepted or rejected with usable messages that never contain a password hash.
    ///
    /// - Throws: `BrokenProperty`.
    func check() throws(BrokenProperty) {
        let file = "/etc/exporter/web.yml"
        do {
            _ = try WebConfiguration.load(
                path: file,
                files: StagedFiles(contents: [
                    file: bytes, "/etc/exporter/server.crt": Array(StagedCertificate.certificate.utf8),
                    "/etc/exporter/server.key": Array(StagedCertificate.key.utf8),
                ]))
        } catch {
            try ensure(!error.problems.isEmpty, "a web config is rejected without a message")
            for problem in error.problems {
                try ensure(line: problem.description)
                try ensure(!problem.description.contains(Self.hash), "a hash is shown: \(problem)")
            }
        }
    }
}
