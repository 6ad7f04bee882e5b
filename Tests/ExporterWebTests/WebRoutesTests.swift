import Testing

@testable import ExporterWeb

/// `--web.external-url` and `--web.route-prefix`, by Prometheus' rules.
@Suite struct WebRoutesTests {
    @Test(
        "the flags set the prefixes of requests and links",
        arguments: [
            (nil, nil, "", ""), ("https://example.com/genai/", nil, "/genai", "/genai"),
            ("https://example.com:8443/a/b", "/", "", "/a/b"), (nil, "genai", "/genai", "/genai"),
            ("http://example.com", "/x", "/x", ""),
        ] as [(String?, String?, String, String)])
    func prefixes(url: String?, prefix: String?, routes: String, links: String) throws {
        let read = try WebRoutes(externalURL: url, routePrefix: prefix)
        #expect(read.prefix == routes)
        #expect(read.linkPrefix == links)
    }

    @Test(
        "invalid URLs and prefixes are rejected",
        arguments: [
            ("example.com/genai", nil), ("ftp://example.com", nil), ("https://user@example.com", nil),
            ("https://example.com/?x=1", nil), ("https://example.com/a b", nil), (nil, "/a//b"), (nil, "/../a"),
            (nil, "/<script>"),
        ] as [(String?, String?)])
    func invalidFlags(url: String?, prefix: String?) {
        #expect(throws: WebRoutes.Invalid.self) { try WebRoutes(externalURL: url, routePrefix: prefix) }
    }

    @Test(
        "the prefix is removed from paths",
        arguments: [
            ("/genai/metrics", "/metrics"), ("/genai", "/"), ("/genai/", "/"), ("/metrics", nil), ("/genaix", nil),
            ("/-/healthy", "/-/healthy"), ("/genai/-/ready", "/-/ready"), ("/-/sync", nil),
        ] as [(String, String?)])
    func localPaths(path: String, local: String?) throws {
        #expect(try WebRoutes(externalURL: nil, routePrefix: "/genai").local(path) == local)
    }
}
