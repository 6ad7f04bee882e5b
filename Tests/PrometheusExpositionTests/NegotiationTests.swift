import PrometheusExposition
import Testing

@Suite struct NegotiationTests {
    @Test(
        "q-values select the format; unsupported and invalid headers select 0.0.4",
        arguments: [
            (nil, .text004), ("", .text004), ("*/*", .text004), ("text/*", .text004), ("text/plain", .text004),
            ("text/plain;version=0.0.4", .text004), ("application/*", .openMetrics100),
            ("application/openmetrics-text", .openMetrics100),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", .openMetrics100),
            ("application/openmetrics-text;version=0.0.1", .openMetrics100),
            ("Application/OpenMetrics-Text;Version=\"1.0.0\"", .openMetrics100),
            ("application/openmetrics-text;version=2.0.0", .text004),
            ("text/plain;version=1.0.0;escaping=allow-utf-8", .text004),
            ("text/plain;version=1.0.0, application/openmetrics-text;version=1.0.0;q=0.1", .openMetrics100),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics100
            ),
            // Prometheus 3.x, with its own order and with text preferred in its configuration.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                    + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                    + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", .openMetrics100
            ),
            (
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
                    + "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2", .text004
            ),
            // Protobuf first, as with native histograms.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
                    + "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                .openMetrics100
            ),
            // Firefox, Chrome, curl with JSON.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", .text004),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", .text004),
            ("application/json", .text004),
            ("application/openmetrics-text;q=0.5, */*;q=0.8", .text004),
            ("application/openmetrics-text;q=0.8, text/plain;q=0.9", .text004),
            ("application/openmetrics-text;q=0, */*", .text004), ("text/plain;q=0, */*", .openMetrics100),
            ("text/plain;q=0", .text004), ("*/*;q=0", .text004),
            ("*/*, application/openmetrics-text", .openMetrics100),
            ("application/openmetrics-text, text/plain", .openMetrics100),
            ("text/plain, application/openmetrics-text", .text004),
            ("application/openmetrics-text, text/plain;version=0.0.4", .openMetrics100),
            ("text/*, application/openmetrics-text", .openMetrics100),
            ("text/plain;q=0.9, text/plain;version=0.0.4;q=0.1, application/openmetrics-text;q=0.5", .openMetrics100),
            ("application/openmetrics-text;q=high", .text004), ("application/openmetrics-text;q=1.5", .text004),
            ("application/openmetrics-text;q", .text004), (";;;,,,q=1", .text004), ("\"", .text004),
            ("application/openmetrics-text;x=\"a,b;q=0\"", .openMetrics100), ("\u{1F4C8}/\u{0}", .text004),
        ] as [(String?, ExpositionFormat)])
    func format(accept: String?, format: ExpositionFormat) {
        #expect(negotiateFormat(accept: accept) == format)
    }

    @Test(
        "gzip is chosen if its weight is at least that of identity",
        arguments: [
            (nil, .identity), ("", .identity), ("gzip", .gzip), ("GZIP", .gzip), ("x-gzip", .gzip),
            ("gzip, deflate, br, zstd", .gzip), ("deflate, br", .identity), ("gzip;q=0", .identity),
            ("gzip;q=0.001", .gzip), ("gzip;q=0.5, identity;q=0.8", .identity), ("gzip, identity", .gzip),
            ("identity", .identity), ("*", .identity), ("*;q=0", .identity), ("*, identity;q=0.5", .gzip),
            ("identity;q=0, *", .gzip), ("gzip;q=0, *", .identity), ("gzip;q=0.5, *", .identity),
            ("gzip, *;q=0", .gzip), ("identity;q=0", .identity), ("gzip;q=0, identity;q=0", .identity),
            ("gzip;q=x", .identity), ("gzip;q=2", .identity), (",;=", .identity), ("gzip2", .identity),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", .gzip),
        ] as [(String?, ContentEncoding)])
    func encoding(accept: String?, encoding: ContentEncoding) {
        #expect(negotiateEncoding(acceptEncoding: accept) == encoding)
    }

    @Test("arbitrary headers select a format and an encoding")
    func anything() {
        let parts = [
            "application/openmetrics-text", "text/plain", "*/*", "gzip", "*", ";", ",", "=", "q", "q=", "0.5", "9", " ",
            "\t", "\"", "\\", "version=", "1.0.0", "\u{301}", "é", "🎨", "\u{0}", "\r\n", "-1", "1e5", "nan",
        ]
        var random = SeededGenerator(seed: 3)
        var seen: Set<ExpositionFormat> = []
        for _ in 0..<5_000 {
            let header = (0..<Int.random(in: 0...12, using: &random))
                .map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            seen.insert(negotiateFormat(accept: header))
            _ = negotiateEncoding(acceptEncoding: header)
        }
        #expect(seen == Set(ExpositionFormat.allCases))
    }

    @Test("each format has its content type")
    func contentTypes() {
        #expect(ExpositionFormat.text004.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            ExpositionFormat.openMetrics100.contentType
                == "application/openmetrics-text; version=1.0.0; charset=utf-8")
    }
}
