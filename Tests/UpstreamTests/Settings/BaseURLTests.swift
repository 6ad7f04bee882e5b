import Testing

@testable import Upstream

@Suite struct BaseURLTests {
    @Test(
        "A base URL is normalized to scheme, host, port and path",
        arguments: [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com/", "https://api.example.com"),
            ("HTTPS://API.Example.com:443/v1//", "https://api.example.com/v1"),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://proxy/a%2Fb", "https://proxy/a%2Fb"),
        ])
    func accepted(text: String, expected: String) throws {
        #expect(try BaseURL(text).description == expected)
    }

    @Test(
        "An invalid base URL is rejected with a hint",
        arguments: [
            ("", "https://"), ("api.example.com", "https://"), ("ftp://api.example.com", "https://"),
            ("https://", "host"), ("https:///v1", "host"), ("https://user:hunter2@api.example.com", "api_key_env"),
            ("https://hunter2@api.example.com", "api_key_env"), ("https://api.example.com?key=hunter2", "?"),
            ("https://api.example.com#hunter2", "#"), ("https://api.example.com:0", "65535"),
            ("https://api.example.com:70000", "65535"),
        ])
    func refused(text: String, hint: String) {
        let error = #expect(throws: InvalidUpstreamSetting.self) { try BaseURL(text) }
        #expect(error?.message.contains(hint) == true)
        #expect(error?.message.contains("hunter2") == false)
    }

    @Test("A call's path is appended to the base URL's path")
    func prefixIsKept() throws {
        let base = try BaseURL("https://proxy/x")
        #expect(base.url(of: UpstreamCall(.get, "/api")) == "https://proxy/x/api")
        #expect(base.url(of: UpstreamCall(.get, "api")) == "https://proxy/x/api")
    }

    @Test("Paths and queries are percent-encoded")
    func encoding() throws {
        let base = try BaseURL("https://a")
        let call = UpstreamCall(
            .get, "/keys/team a/ü?/100%", query: [("from", "2026-01-01T00:00:00+02:00"), ("q&", "a=b c/é")])
        #expect(
            base.url(of: call)
                == "https://a/keys/team%20a/%C3%BC%3F/100%25"
                + "?from=2026-01-01T00%3A00%3A00%2B02%3A00&q%26=a%3Db%20c%2F%C3%A9")
    }

    @Test("An identifier is encoded as one segment")
    func segment() throws {
        let call = UpstreamCall(.get, "/keys/" + UpstreamCall.segment("../a/b?c%41") + "/usage")
        #expect(try BaseURL("https://a").url(of: call) == "https://a/keys/..%2Fa%2Fb%3Fc%2541/usage")
    }
}
