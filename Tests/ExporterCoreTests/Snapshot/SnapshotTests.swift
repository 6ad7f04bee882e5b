import Foundation
import PrometheusExposition
import TestSupport
import Testing
import UsageModel

@testable import ExporterCore

@Suite struct SnapshotTests {
    private func set(_ series: Int, _ value: Double, account: Int = 0) throws -> SeriesChange {
        .set(
            family: "genai_cost_usd_total", account: account, key: Int64(series),
            labels: try MetricCatalogue.standard.labels(
                ["wavespeed", "a\(account)", "", "model-\(series)"], of: "genai_cost_usd_total"), value: .number(value),
            created: Timestamp(seconds: 1_795_132_800))
    }

    @Test("the compressed body equals the plain one", arguments: [10, 20_000])
    func compression(series: Int) async throws {
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        try await renderer.apply((0..<series).map { try set($0, Double($0) / 8) })
        await renderer.publish()
        for format in ExpositionFormat.allCases {
            let body = store.current.body(format, .identity)
            #expect(try gunzipped(store.current.body(format, .gzip).bytes) == body.bytes)
            #expect(body.length == body.bytes.count)
            let samples = try Scrape(body.bytes, format: format).samples("genai_cost_usd_total")
            #expect(samples.map(\.value).sorted() == (0..<series).map { Double($0) / 8 })
        }
    }

    /// Applies random changes of all kinds and compares the output with the applied values.
    @Test("after random changes both formats show the applied values", arguments: [1, 2])
    func randomChanges(seed: Int) async throws {
        let random = SeededRandom(UInt64(seed))
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        // Each has at least 1,500 series, so that the pages form several runs. The first two share pages.
        let accounts = [0, 1, 9, 20, 30]
        var applied: [Int: [Int: Double]] = [:]
        var hidden: Set<Int> = []
        var removed: Set<Int> = []
        func update(_ series: Range<Int>, of account: Int) async throws {
            let changes = series.map { ($0, Double(random.int(0...1_000_000))) }
            try await renderer.apply(changes.map { try set($0.0, $0.1, account: account) })
            applied[account, default: [:]].merge(changes) { $1 }
        }
        for account in accounts { try await update(0..<1500, of: account) }
        await renderer.publish()
        for round in 0..<12 {
            let account = accounts[random.int(0...4)]
            switch random.int(0...5) {
            case 0:
                await renderer.remove(account: account)
                // A late update of a removed account is ignored.
                try await update(0..<10, of: account)
                applied[account] = nil
                hidden.remove(account)
                removed.insert(account)
            case 1:
                // Recreated, to be shown later.
                await renderer.remove(account: account)
                await renderer.hide(account: account)
                applied[account] = nil
                removed.remove(account)
                try await update(0..<1500, of: account)
                hidden.insert(account)
            case 2:
                await renderer.show(account: account, insteadOf: nil)
                hidden.remove(account)
            case 3:
                try await update(1000..<2000, of: account)
            default:
                let series = random.int(0...3000)
                try await update(series..<(series + 1), of: account)
            }
            await renderer.publish()
            let format = ExpositionFormat.allCases[round % 2]
            let body = store.current.body(format, .identity)
            #expect(body.length == body.bytes.count)
            #expect(try gunzipped(store.current.body(format, .gzip).bytes) == body.bytes)
            let shown = try Scrape(body.bytes, format: format).samples("genai_cost_usd_total")
            let wanted = applied.filter { !hidden.contains($0.key) && !removed.contains($0.key) }.flatMap {
                account, series in
                series.map { ["a\(account)", "model-\($0)", "\($1)"] }
            }
            let found = shown.map { [$0.labels["account"] ?? "", $0.labels["model"] ?? "", "\($0.value)"] }
            #expect(Set(found) == Set(wanted) && found.count == wanted.count)
        }
    }

    @Test("scrapes render nothing, and a change renders only its page")
    func incrementalRendering() async throws {
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        let count = 1_000_000
        for start in stride(from: 0, to: count, by: 50_000) {
            try await renderer.apply((start..<(start + 50_000)).map { try set($0, 1) })
        }
        await renderer.publish()
        let rendered = await renderer.renderings
        let parts = store.current.body(.text004, .identity).parts
        for _ in 0..<50 {
            let snapshot = store.current
            let again = snapshot.body(.text004, .identity)
            #expect(again.length > 50_000_000)
            #expect(again.parts.count == parts.count)
            _ = snapshot.body(.openMetrics100, .gzip)
        }
        #expect(await renderer.renderings == rendered)

        try await renderer.apply([try set(500_000, 2)])
        await renderer.publish()
        #expect(await renderer.renderings == rendered + 1)
        let changed = store.current.body(.text004, .identity).parts
        #expect(zip(parts, changed).filter { $0 != $1 }.count == 1)
    }

    /// Most of a sync's source metrics are unchanged from the last sync.
    @Test("replacing samples renders only changed pages")
    func replacement() async throws {
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        func update(_ values: [Double], created: Int64 = 1_795_132_800) async throws -> Int {
            let before = await renderer.renderings
            let samples = values.enumerated().map { index, value in
                ShownSample(
                    ["wavespeed", "media", "s\(index)", "success"], value, created: Timestamp(seconds: created))
            }
            try await renderer.apply([.replace(family: Metric.syncs.name, account: 0, samples: samples)])
            await renderer.publish()
            let body = store.current.body(.openMetrics100, .identity).bytes
            let shown = try Scrape(body, format: .openMetrics100).samples(Metric.syncs.name)
            #expect(shown.map(\.value) == values)
            return await renderer.renderings - before
        }
        // Three pages, of 256 series each.
        var values = (0..<600).map(Double.init)
        #expect(try await update(values) == 3)
        #expect(try await update(values) == 0)
        values[300] = 1
        #expect(try await update(values) == 1)
        #expect(try await update(values, created: 1_795_132_801) == 3)
        #expect(try await update(Array(values.prefix(500)), created: 1_795_132_801) == 2)
        #expect(try await update([]) == 2)
        #expect(try await update([]) == 0)
    }

    /// The number of accounts per page differs between families.
    @Test("accounts are added to and removed from pages of any size")
    func pages() async throws {
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        func update(_ account: Int, _ value: Double) async throws {
            let names = ["wavespeed", "a\(account)", "usage"]
            let histogram = SampleValue.histogram(
                counts: Array(repeating: 1, count: Metric.upstreamDurationBounds.count + 1), sum: value)
            try await renderer.apply([
                .replace(
                    family: Metric.syncs.name, account: account, samples: [ShownSample(names + ["success"], value)]),
                .replace(family: Metric.up.name, account: account, samples: [ShownSample(names, value)]),
                .replace(
                    family: Metric.upstreamDuration.name, account: account,
                    samples: [ShownSample(names, histogram)]),
            ])
        }
        func expect(_ values: [Int: Double]) async throws {
            await renderer.publish()
            let scrape = try Scrape(store.current.body(.text004, .identity).bytes, format: .text004)
            #expect(
                try gunzipped(store.current.body(.text004, .gzip).bytes)
                    == store.current.body(.text004, .identity).bytes)
            for name in [Metric.syncs.name, Metric.up.name, Metric.upstreamDuration.name] {
                let series = scrape.samples(name).filter { $0.name == name || $0.name == name + "_sum" }
                let shown = series.map { ($0.labels["account"] ?? "", $0.value) }
                #expect(
                    Dictionary(shown) { $0 + $1 } == Dictionary(values.map { ("a\($0)", $1) }) { $0 + $1 }, "\(name)")
            }
        }
        for account in 0..<20 { try await update(account, Double(account + 1)) }
        var applied = Dictionary(uniqueKeysWithValues: (0..<20).map { ($0, Double($0 + 1)) })
        try await expect(applied)
        await renderer.remove(account: 3)
        applied[3] = nil
        try await update(4, 0.5)
        applied[4] = 0.5
        try await expect(applied)
        await renderer.hide(account: 20)
        try await update(20, 7)
        try await expect(applied)
        await renderer.show(account: 20, insteadOf: 5)
        applied[20] = 7
        applied[5] = nil
        try await expect(applied)
    }

    @Test("an empty exposition is complete")
    func empty() async throws {
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        await renderer.publish()
        #expect(store.current.body(.openMetrics100, .identity).bytes == Array("# EOF\n".utf8))
        #expect(try gunzipped(store.current.body(.openMetrics100, .gzip).bytes) == Array("# EOF\n".utf8))
        #expect(store.current.body(.text004, .identity).length == 0)
        #expect(try gunzipped(store.current.body(.text004, .gzip).bytes).isEmpty)
    }

    @Test("every family passes promtool and the OpenMetrics parser")
    func externalParsers() async throws {
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        for family in MetricCatalogue.standard.families {
            let labels = family.labelNames.map { "\($0) \"quoted\" \\ \n 模型" }
            let value: SampleValue =
                family.type != .histogram
                ? .number(1.5)
                : .histogram(
                    counts: Array(
                        repeating: 2,
                        count: (family.name == Metric.upstreamDuration.name
                            ? Metric.upstreamDurationBounds : LedgerFamily.durationBounds).count + 1), sum: 9)
            try await renderer.apply([
                .set(
                    family: family.name, account: 0, key: 1, labels: try LabelSet(labels, of: family), value: value,
                    created: Timestamp(seconds: 1_795_132_800))
            ])
        }
        await renderer.publish()
        let body = store.current.body(.text004, .identity).bytes
        #expect(try Scrape(body).families.count == MetricCatalogue.standard.families.count)
        let check = try Tool.promtool().run(["check", "metrics"], input: body)
        #expect(check.status == 0 && check.output.isEmpty, "\(check.output)")
        let openMetrics = store.current.body(.openMetrics100, .identity).bytes
        #expect(
            try Scrape(openMetrics, format: .openMetrics100).families.count == MetricCatalogue.standard.families.count)
        let python = try Tool(named: "python3", installation: "apt-get install python3")
        let strict = try python.run(
            [
                "-c",
                """
                import sys
                from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
                print(len(list(parse(sys.stdin.read()))))
                """,
            ], input: openMetrics)
        #expect(strict.output == "\(MetricCatalogue.standard.families.count)\n", "pip install prometheus-client")
    }
}
