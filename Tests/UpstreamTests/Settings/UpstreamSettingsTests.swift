import Testing
import UsageModel

@testable import Upstream

@Suite struct UpstreamSettingsTests {
    @Test("A short request timeout reduces the read timeout")
    func readTimeout() throws {
        #expect(try UpstreamSettings(baseURL: "https://a").readTimeout == .seconds(15))
        #expect(try UpstreamSettings(baseURL: "https://a", requestTimeout: .seconds(4)).readTimeout == .seconds(4))
    }

    @Test("Invalid settings are rejected by name")
    func refused() {
        func message(_ make: () throws(InvalidUpstreamSetting) -> UpstreamSettings) -> String {
            do {
                _ = try make()
                return "accepted"
            } catch {
                return error.message
            }
        }
        #expect(
            message { () throws(InvalidUpstreamSetting) in
                try UpstreamSettings(baseURL: "https://a", requestTimeout: .zero)
            }.hasPrefix("timeout"))
        #expect(
            message { () throws(InvalidUpstreamSetting) in
                try UpstreamSettings(baseURL: "https://a", maximumRetries: -1)
            }.contains("retries"))
        #expect(
            message { () throws(InvalidUpstreamSetting) in
                try UpstreamSettings(baseURL: "https://a", version: "1\r\nX: y")
            }.contains("version"))
    }

    @Test(
        "A proxy is parsed with and without credentials",
        arguments: [
            ("http://proxy:8080", "proxy:8080", String?.none), ("http://proxy", "proxy:3128", nil),
            ("http://me:hunter2@proxy:1/", "proxy:1", "me"),
        ])
    func proxy(text: String, shown: String, user: String?) throws {
        let proxy = try ProxyServer(text)
        #expect("\(proxy)" == shown)
        #expect(proxy.user == user)
        var dumped = ""
        dump(proxy, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }

    @Test(
        "An invalid proxy is rejected without repeating it",
        arguments: ["", "proxy:8080", "https://me:hunter2@proxy", "http://me:hunter2@proxy/path", "http://:8080"])
    func refusedProxy(text: String) {
        let error = #expect(throws: InvalidUpstreamSetting.self) { try ProxyServer(text) }
        #expect(error?.message.contains("hunter2") == false)
        #expect(error?.message.contains("proxy") == true)
    }
}
