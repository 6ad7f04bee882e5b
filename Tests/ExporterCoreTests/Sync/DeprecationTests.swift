import ExporterTestSupport
import ProviderSimulator
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import ExporterCore

@Suite("Deprecation notices") struct DeprecationTests {
    private let deprecated: UpstreamHeaders = [
        "Deprecation": "@1783555200", "Sunset": "Wed, 16 Sep 2026 00:00:00 GMT",
    ]

    private func notice(_ responses: [(path: String, status: Int, headers: UpstreamHeaders)]) -> UpstreamNotice? {
        let observer = SyncObserver(skew: ClockSkew())
        for response in responses {
            observer.responded(response.path, status: response.status, headers: response.headers, at: friday)
        }
        let notice = observer.takeNotice()
        #expect(observer.takeNotice() == nil)
        return notice
    }

    @Test("one deprecated path of a source makes it deprecated, whichever responds last")
    func anyPath() {
        let old = (path: "/usage", status: 200, headers: deprecated)
        let current = (path: "/daily", status: 200, headers: UpstreamHeaders())
        let expected = UpstreamNotice(isDeprecated: true, sunset: Timestamp("2026-09-16T00:00:00Z"))
        #expect(notice([old, current]) == expected)
        #expect(notice([current, old]) == expected)
        #expect(notice([current]) == UpstreamNotice(isDeprecated: false))
    }

    @Test("a path that is gone counts only if no other one responds")
    func gone() {
        let gone = (path: "/v1/usage", status: 410, headers: deprecated)
        let successor = (path: "/v2/usage", status: 200, headers: UpstreamHeaders())
        #expect(notice([gone])?.isDeprecated == true)
        #expect(notice([gone, successor]) == UpstreamNotice(isDeprecated: false))
    }

    @Test("a failure says nothing", arguments: [400, 401, 404, 429, 500])
    func failure(status: Int) {
        #expect(notice([(path: "/usage", status: status, headers: deprecated)]) == nil)
    }

    @Test("every source of every provider reports it", arguments: ProviderAccounts.Provider.allCases)
    func everySource(provider: ProviderAccounts.Provider) async throws {
        try await HostileWorld.run { world in
            world.server.faults.stand(
                .headers(["Deprecation": "true", "Sunset": "Wed, 16 Sep 2026 00:00:00 GMT"]), at: "/\(provider)")
            let scrape = try await world.sync()
            let syncs = scrape.samples("genai_up").filter { $0.labels["account"] == provider.rawValue }
            #expect(!syncs.isEmpty)
            for sync in syncs {
                let labels = sync.labels.filter { $0.key != "__name__" }
                #expect(scrape.value("genai_upstream_deprecated", labels) == 1, "\(labels)")
                #expect(scrape.value("genai_upstream_sunset_timestamp_seconds", labels) == 1_789_516_800, "\(labels)")
            }
        }
    }
}
