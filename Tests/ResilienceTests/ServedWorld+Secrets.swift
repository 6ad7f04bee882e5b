import Foundation
import TestSupport
import Testing

extension ServedWorld {
    private static let pages = [
        "/", "/metrics", "/sd", "/-/healthy", "/-/ready", "/probe?target=assistant", "/nowhere",
    ]

    /// Asserts that an exporter's log and pages, in either format, expose no account's key.
    func expectNoSecrets(
        of exporter: ExporterProcess, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var shown = ["log": exporter.log]
        for page in Self.pages {
            for accept in ["text/plain", "application/openmetrics-text"] {
                let body = try await exporter.get(page, headers: [("Accept", accept)]).body
                shown["\(page) as \(accept)"] = String(decoding: body, as: UTF8.self)
            }
        }
        expectNoKeys(in: shown, sourceLocation: sourceLocation)
    }
}

/// Asserts that texts expose no simulated account's key; the dictionary keys name the locations.
func expectNoKeys(in shown: [String: String], sourceLocation: SourceLocation = #_sourceLocation) {
    for (location, text) in shown {
        for secret in FaultRow.secrets + [FaultRow.listedSecret] {
            let isShown = text.contains(secret)
            #expect(!isShown, "\(secret) in the \(location)", sourceLocation: sourceLocation)
        }
    }
}
