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

    private typealias Response = (call: UpstreamCall, status: Int, headers: UpstreamHeaders)

    private func notice(_ responses: [Response], succeeded: Bool = true) -> UpstreamNotice? {
        let observer = SyncObserver(skew: ClockSkew())
        for response in responses {
            observer.responded(to: response.call, status: response.status, headers: response.headers, at: friday)
        }
        let notice = observer.takeNotice(succeeded: succeeded)
        #expect(observer.takeNotice(succeeded: succeeded) == nil)
        return notice
    }

    @Test("one deprecated path of a source makes it deprecated, whichever responds last")
    func anyPath() {
        let old = (call: UpstreamCall(.get, "/usage"), status: 200, headers: deprecated)
        let current = (call: UpstreamCall(.get, "/daily"), status: 200, headers: UpstreamHeaders())
        let expected = UpstreamNotice(isDeprecated: true, sunset: Timestamp("2026-09-16T00:00:00Z"))
        #expect(notice([old, current]) == expected)
        #expect(notice([current, old]) == expected)
        #expect(notice([current]) == UpstreamNotice(isDeprecated: false))
    }

    @Test("a path that is gone counts unless the sync succeeded without it")
    func gone() {
        let gone = (call: UpstreamCall(.get, "/v1/daily"), status: 410, headers: deprecated)
        let other = (call: UpstreamCall(.get, "/v1/usage"), status: 200, headers: UpstreamHeaders())
        #expect(notice([gone], succeeded: false)?.isDeprecated == true)
        #expect(notice([gone, other], succeeded: false)?.isDeprecated == true)
        // It has a successor.
        #expect(notice([gone, other]) == UpstreamNotice(isDeprecated: false))
    }

    @Test("a path that responds for another key is not gone")
    func goneForOneKey() {
        let gone = (call: UpstreamCall(.get, "/usage"), status: 410, headers: UpstreamHeaders())
        let other = (call: UpstreamCall(.get, "/usage"), status: 200, headers: UpstreamHeaders())
        #expect(notice([other, gone], succeeded: false) == UpstreamNotice(isDeprecated: false))
    }

    @Test("the end of an endpoint that a source works without is not the source's")
    func incidental() {
        let call = UpstreamCall(.get, "/analytics").incidental
        #expect(notice([(call: call, status: 200, headers: deprecated)]) == nil)
        #expect(notice([(call: call, status: 410, headers: deprecated)], succeeded: false) == nil)
    }

    @Test("a failure says nothing", arguments: [400, 401, 404, 429, 500])
    func failure(status: Int) {
        let call = UpstreamCall(.get, "/usage")
        #expect(notice([(call: call, status: status, headers: deprecated)], succeeded: false) == nil)
    }

    @Test("every source of every provider reports it", arguments: TestedProvider.all)
    func everySource(provider: TestedProvider) async throws {
        try await HostileWorld.run { world in
            world.server.faults.stand(
                .headers(["Deprecation": "true", "Sunset": "Wed, 16 Sep 2026 00:00:00 GMT"]), at: "/\(provider)")
            let scrape = try await world.sync()
            let syncs = scrape.samples("genai_up").filter { $0.labels["account"] == provider.name }
            #expect(!syncs.isEmpty)
            for sync in syncs {
                let labels = sync.labels.filter { $0.key != "__name__" }
                #expect(scrape.value("genai_upstream_deprecated", labels) == 1, "\(labels)")
                #expect(scrape.value("genai_upstream_sunset_timestamp_seconds", labels) == 1_789_516_800, "\(labels)")
            }
        }
    }
}
