import Foundation
import TestSupport
import Testing

extension ServedWorld {
    /// Pages that the exporter serves.
    private static let pages = [
        "/", "/metrics", "/sd", "/-/healthy", "/-/ready", "/probe?target=assistant", "/nowhere",
    ]

    /// Holds that no key of any account is in what an exporter logged or serves, in either format.
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

/// Holds that no key of any simulated account is in texts, which are named by where they were found.
func expectNoKeys(in shown: [String: String], sourceLocation: SourceLocation = #_sourceLocation) {
    for (place, text) in shown {
        for secret in FaultRow.secrets {
            let isShown = text.contains(secret)
            #expect(!isShown, "\(secret) in the \(place)", sourceLocation: sourceLocation)
        }
    }
}
