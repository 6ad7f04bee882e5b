import Foundation
import PrometheusExposition
import TestSupport
import Testing

/// Tests content negotiation of format and compression over HTTP.
@Suite struct NegotiationServingTests {
    private static let text = "text/plain; version=0.0.4; charset=utf-8"
    private static let openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    private static let accepts: [(String?, String)] = [
        (nil, text), ("", text), ("*/*", text),
        // Prometheus 2.42.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", openMetrics
        ),
        // Prometheus 3.x by default, and with text before OpenMetrics in scrape_protocols.
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                + "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                + "text/plain;version=0.0.4;q=0.2,*/*;q=0.1", openMetrics
        ),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,"
                + "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.1", text
        ),
        // Chromium and Firefox.
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
                + "application/signed-exchange;v=b3;q=0.7", text
        ),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", text),
        ("application/openmetrics-text;q=0, text/plain", text), ("text/plain;q=0, */*;q=0.1", openMetrics),
        (";;,,=\"q=0.5;", text), ("application/json", text),
    ]

    private static let encodings: [(String?, Bool)] = [
        (nil, false), ("", false), ("gzip", true), ("gzip, deflate, br, zstd", true), ("GZip;q=1.0", true),
        ("gzip;q=0", false), ("*;q=0", false), ("identity", false), ("gzip;q=0.2, identity;q=0.9", false),
        ("br, deflate", false), ("gzip;q=nonsense", false), (",;=q", false),
    ]

    @Test("Accept and Accept-Encoding select format and compression") func negotiation() async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            try await exporter.waitUntilReady()
            for path in ["/metrics", "/probe?target=media"] {
                for (accept, type) in Self.accepts {
                    let response = try await exporter.get(path, headers: accept.map { [("Accept", $0)] } ?? [])
                    #expect(response.status == 200)
                    #expect(response.headers["content-type"] == type, "\(accept ?? "none")")
                    #expect(response.headers["content-encoding"] == nil)
                    #expect(response.headers["vary"] == "Accept, Accept-Encoding")
                    let format: ExpositionFormat = type == Self.openMetrics ? .openMetrics100 : .text004
                    #expect(
                        try Scrape(response.body, format: format).value("genai_balance_usd", ["account": "media"])
                            == 100)
                }
                for (encoding, isCompressed) in Self.encodings {
                    let response = try await exporter.get(
                        path, headers: encoding.map { [("Accept-Encoding", $0)] } ?? [])
                    #expect(response.status == 200)
                    #expect((response.headers["content-encoding"] == "gzip") == isCompressed, "\(encoding ?? "none")")
                    #expect(response.body.starts(with: [0x1F, 0x8B]) == isCompressed, "\(encoding ?? "none")")
                    #expect(response.headers["content-length"] == "\(response.body.count)")
                }
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }
}
