import HTTPTypes
import Testing
import UsageModel

@testable import ExporterWeb

@Suite struct CrossSiteRequestTests {
    @Test(
        "requests that a browser sends for another site's page are recognised",
        arguments: [
            ([:], false), (["Sec-Fetch-Site": "none"], false), (["Sec-Fetch-Site": "cross-site"], true),
            (["Sec-Fetch-Site": "same-site"], true), (["Sec-Fetch-Site": "SAME-ORIGIN "], true),
            (["Sec-Fetch-Site": "same-origin", "Origin": "http://exporter.example:10061"], false),
            (["Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"], true),
            (["Origin": "HTTP://Exporter.Example:10061"], false), (["Origin": "https://exporter.example:10061"], false),
            (["Origin": "http://exporter.example"], true), (["Origin": "http://exporter.example:1"], true),
            (["Origin": "http://evil.example"], true), (["Origin": "null"], true), (["Origin": ""], true),
            (["Origin": "http://exporter.example:10061.evil.example"], true),
        ] as [([String: String], Bool)])
    func crossSite(fields: [String: String], isCrossSite: Bool) throws {
        let request = try request(fields, authority: "exporter.example:10061")
        #expect(CrossSiteRequest.isCrossSite(request, external: nil) == isCrossSite)
    }

    @Test("the default port may be given or not") func defaultPorts() throws {
        for (origin, authority) in [
            ("https://a.example", "a.example:443"), ("https://a.example:443", "a.example"),
            ("http://[::1]:80", "[::1]"),
        ] {
            #expect(!CrossSiteRequest.isCrossSite(try request(["Origin": origin], authority: authority), external: nil))
        }
        let other = try request(["Origin": "https://a.example"], authority: "a.example:80")
        #expect(CrossSiteRequest.isCrossSite(other, external: nil))
    }

    @Test("with an external URL only its origin is same-site")
    func externalAddress() throws {
        let behindProxy = try request(["Origin": "https://example.com"], authority: "127.0.0.1:10061")
        #expect(!CrossSiteRequest.isCrossSite(behindProxy, external: "example.com"))
        let rebound = try request(["Origin": "http://evil.example"], authority: "evil.example")
        #expect(CrossSiteRequest.isCrossSite(rebound, external: "example.com"))
    }

    private func request(_ fields: [String: String], authority: String) throws -> HTTPRequest {
        var request = HTTPRequest(method: .post, scheme: nil, authority: authority, path: "/-/sync")
        for (name, value) in fields { request.headerFields[try #require(HTTPField.Name(name))] = value }
        return request
    }
}

@Suite struct ForcedSyncsTests {
    @Test("a sync of an account is forced at most every ten seconds, and of all accounts if each may be") func pace() {
        let start = Timestamp(milliseconds: 1_795_186_800_000)
        let forced = ForcedSyncs()
        #expect(forced.wait(for: ["a", "b"], at: start) == nil)
        forced.note(["a"], at: start)
        #expect(forced.wait(for: ["a"], at: start + .seconds(4)) == .seconds(6))
        #expect(forced.wait(for: ["b"], at: start + .seconds(4)) == nil)
        forced.note(["b"], at: start + .seconds(4))
        #expect(forced.wait(for: ["a", "b"], at: start + .seconds(10)) == .seconds(4))
        #expect(forced.wait(for: ["a"], at: start + .seconds(10)) == nil)
        // A clock that was set back.
        #expect(forced.wait(for: ["a", "b"], at: start - .hours(1)) == nil)
    }
}
