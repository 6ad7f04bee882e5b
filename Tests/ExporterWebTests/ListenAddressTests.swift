import Testing

@testable import ExporterWeb

@Suite struct ListenAddressTests {
    @Test(
        "listen addresses of Prometheus exporters are parsed",
        arguments: [
            (":10061", nil, 10_061), ("127.0.0.1:0", "127.0.0.1", 0), ("localhost:80", "localhost", 80),
            ("[::1]:9100", "::1", 9100), ("0.0.0.0:65535", "0.0.0.0", 65_535),
        ] as [(String, String?, Int)])
    func addresses(text: String, host: String?, port: Int) throws {
        let address = try ListenAddress(text)
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.description == text)
    }

    @Test(
        "telemetry paths that cannot be served are rejected",
        arguments: [
            ("/metrics", true), ("/a/b-c.d_e~f", true), ("/", false), ("", false), ("metrics", false), ("/a?b", false),
            ("/a b", false), ("/a%3Fb", false), ("/a#b", false), ("/probe", false), ("/sd", false),
            ("/-/healthy", false),
        ])
    func telemetryPaths(path: String, isFree: Bool) {
        #expect(ExporterWebServer.isFree(telemetryPath: path) == isFree)
    }

    @Test(
        "malformed addresses are rejected with the expected form",
        arguments: ["", "10061", "host", "host:", "host:port", "host:65536", "host:-1", "::1:9100", "[::1:9100"])
    func malformedAddresses(text: String) {
        let error = #expect(throws: InvalidListenAddress.self) { try ListenAddress(text) }
        #expect(error?.description.contains("host:port") == true)
    }

    @Test("a zone of an IPv6 address is an interface's name or number", arguments: ["[::1%lo]:0", "[fe80::1%1]:0"])
    func zones(text: String) throws {
        let address = try ListenAddress(text)
        guard case .v6(let bound) = try address.zonedSocketAddress() else {
            Issue.record("not an IPv6 address: \(text)")
            return
        }
        #expect(bound.address.sin6_scope_id == 1)
    }

    @Test(
        "a zone that is not an interface is rejected with advice", arguments: ["[fe80::1%nowhere]:0", "[fe80::1%0]:0"])
    func unknownZones(text: String) throws {
        let address = try ListenAddress(text)
        let failure = #expect(throws: ListenFailure.self) { try address.zonedSocketAddress() }
        #expect(try #require(failure).description.contains("interfaces"))
    }

    @Test("addresses without a zone are left to the resolver") func noZone() throws {
        #expect(try ListenAddress("[::1]:0").zonedSocketAddress() == nil)
        #expect(try ListenAddress(":0").zonedSocketAddress() == nil)
    }
}
