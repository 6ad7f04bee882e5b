import ExporterCore
import PrometheusExposition
import TestSupport

/// Runs a body with an exporter and closes it afterwards.
package func withExporter<Result>(
    _ configuration: ExporterConfiguration, storage folder: String, environment: Exporter.Environment,
    isolation: isolated (any Actor)? = #isolation, _ body: (Exporter) async throws -> Result
) async throws -> Result {
    let exporter = try await Exporter(configuration, storage: folder, environment: environment)
    do {
        let result = try await body(exporter)
        try await exporter.close()
        return result
    } catch {
        try? await exporter.close()
        throw error
    }
}

extension Exporter {
    /// The two formats of one snapshot have different counters.
    package struct FormatsDiffer: Error {}

    /// Scrapes the current snapshot; both formats must be strictly well-formed and have equal counters.
    package func scrape() throws -> Scrape {
        let snapshot = store.current
        let text = try Scrape(snapshot.body(.text004, .identity).bytes)
        let openMetrics = try Scrape(snapshot.body(.openMetrics100, .identity).bytes, format: .openMetrics100)
        guard text.counters == openMetrics.counters else { throw FormatsDiffer() }
        store.markServed(snapshot, account: nil, at: now)
        return text
    }

    /// Records a scrape of the current snapshot without parsing it, so that new series are released in time.
    package func noteScrape() { store.markServed(store.current, account: nil, at: now) }
}
