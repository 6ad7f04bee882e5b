import TestSupport
import Testing
import UsageModel

@testable import ExporterCore

/// Gauges whose labels the config renames to the same name.
@Suite struct GaugeRenderingTests {
    private func rendering(_ rename: [String: [String: String]]) -> GaugeRendering {
        var options = LabelOptions()
        options.rename = rename
        return GaugeRendering(
            account: 0, accountLabels: ["p", "a"], view: LabelView(options, salt: "salt", limit: 100))
    }

    @Test("two keys with the same name are summed")
    func sameName() {
        var rendering = rendering(["key": ["a": "team", "b": "team"]])
        _ = rendering.changes(
            for: [
                .budgetSpent: [GaugeSample(["a", "key"], 9), GaugeSample(["b", "key"], 3.5)],
                .budgetLimit: [GaugeSample(["a", "key"], 10), GaugeSample(["b", "key"], 10)],
                .budgetReset: [GaugeSample(["a", "key"], 200), GaugeSample(["b", "key"], 100)],
                .windowRequests: [GaugeSample(["a", "", "last_1h"], 100), GaugeSample(["b", "", "last_1h"], 700)],
                .keyActive: [GaugeSample(["a"], 0), GaugeSample(["b"], 1)],
            ], from: "usage")
        #expect(rendering.samples(of: .budgetSpent) == [GaugeSample(["team", "key", ""], 12.5)])
        #expect(rendering.samples(of: .budgetLimit) == [GaugeSample(["team", "key", ""], 20)])
        #expect(rendering.samples(of: .budgetReset) == [GaugeSample(["team", "key", ""], 100)])
        #expect(rendering.samples(of: .windowRequests) == [GaugeSample(["team", "", "last_1h"], 800)])
        #expect(rendering.samples(of: .keyActive) == [GaugeSample(["team"], 1)])
    }

    @Test("two sources of the same gauge are not summed")
    func sameGauge() {
        var rendering = rendering([:])
        _ = rendering.changes(for: [.balanceUSD: [GaugeSample([], 5)]], from: "credits")
        _ = rendering.changes(for: [.balanceUSD: [GaugeSample([], 5)]], from: "usage")
        #expect(rendering.samples(of: .balanceUSD) == [GaugeSample([], 5)])
    }

    @Test("a rolling window expires once its source has failed for the window's length; other gauges stay")
    func rollingWindowsOfAFailingSource() {
        var rendering = rendering([:])
        _ = rendering.changes(
            for: [
                .balanceUSD: [GaugeSample([], 5)],
                .windowRequests: [GaugeSample(["a", "", "last_1h"], 100), GaugeSample(["a", "", "last_24h"], 700)],
            ], from: "usage")
        var status = SyncStatus()
        func windows() -> [String] { rendering.samples(of: .windowRequests).map { $0.labels[2] } }
        status.lastReading = friday
        // An endpoint that may be read once an hour is read up to two hours late.
        #expect(rendering.changes(for: status, of: "usage", now: friday + .hours(2)).isEmpty)
        #expect(rendering.expire(now: friday + .minutes(179)).isEmpty)
        #expect(windows() == ["last_1h", "last_24h"])
        #expect(rendering.expire(now: friday + .hours(3)).map(\.family) == ["genai_window_requests"])
        #expect(windows() == ["last_24h"])
        #expect(rendering.expire(now: friday + .minutes(181)).isEmpty)
        // Changes that could not be applied are returned again.
        rendering.forgetExpired()
        #expect(!rendering.expire(now: friday + .minutes(182)).isEmpty)
        _ = rendering.expire(now: friday + .hours(26))
        #expect(windows().isEmpty)
        #expect(rendering.samples(of: .balanceUSD).count == 1)
        status.lastReading = friday + .hours(27)
        _ = rendering.changes(for: status, of: "usage", now: friday + .hours(27))
        #expect(windows() == ["last_1h", "last_24h"])
    }
}
