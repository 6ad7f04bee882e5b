import Foundation
import PrometheusExposition
import PrometheusExpositionTesting
import TestSupport
import Testing

/// Tests of the output with reference tools. A missing tool is a failure.
@Suite struct ForeignJudgeTests {
    @Test("promtool accepts the text format without warnings")
    func promtool() throws {
        let tool = try Tool(named: "promtool", installation: "apt-get install prometheus")
        for seed in 1...15 as ClosedRange<UInt64> {
            let result = try tool.run(["check", "metrics"], input: RandomExposition(seed: seed).render(.text004))
            #expect(result.status == 0, "seed \(seed): \(result.output)")
            #expect(result.output.isEmpty, "seed \(seed): \(result.output)")
        }
    }

    @Test(
        "promtool and ExpositionLint report the same families",
        arguments: [
            ("cost_usd_total", MetricType.counter, "h", "key"), ("load", .gauge, "h", "key"),
            ("load", .gauge, "", "key"), ("wait_seconds", .histogram, "h", "key"), ("hits_total", .gauge, "h", "key"),
            ("hits_counter_total", .counter, "h", "key"), ("gauge_load", .gauge, "h", "key"),
            ("load_sum", .gauge, "h", "key"), ("load", .gauge, "h", "quantile"), ("load", .gauge, "h", "le"),
            ("job:load", .gauge, "h", "key"), ("cpuLoad", .gauge, "h", "key"), ("load", .gauge, "h", "cpuName"),
            ("wait_ms", .gauge, "h", "key"), ("size_kb_total", .counter, "h", "key"), ("d_load", .gauge, "h", "key"),
            ("wait_milliseconds", .gauge, "h", "key"), ("uptime_hours_total", .counter, "h", "key"),
            ("requests_per_minute", .gauge, "h", "key"), ("left_kibibytes", .gauge, "h", "key"),
        ])
    func promtoolLint(name: String, type: MetricType, help: String, label: String) throws {
        let tool = try Tool(named: "promtool", installation: "apt-get install prometheus")
        let family = try MetricFamily(name: name, type: type, help: help, labelNames: [label])
        var bytes = family.header(in: .text004)
        let labels = try LabelSet(["0.5"], of: family)
        if type == .histogram {
            try HistogramEncoder(family, bounds: [1], format: .text004).append(
                counts: [1, 2], sum: 3, labels: labels, to: &bytes)
        } else {
            try SampleEncoder(family, format: .text004).append(1, labels: labels, to: &bytes)
        }
        let result = try tool.run(["check", "metrics"], input: bytes)
        let problems = ExpositionLint.problems(in: [family])
        #expect((result.status == 0) == problems.isEmpty, "\(problems) but promtool says: \(result.output)")
    }

    @Test("promtool creates blocks from samples with timestamps and loses none")
    func backfill() throws {
        let tool = try Tool(named: "promtool", installation: "apt-get install prometheus")
        let family = try MetricFamily(name: "cost_usd_total", type: .counter, help: "h", labelNames: ["a"])
        let encoder = try SampleEncoder(family, format: .openMetrics100)
        var bytes = family.header(in: .openMetrics100)
        for account in ["x", "say \"y\"\n"] {
            for hour in 0..<48 as Range<Int64> {
                let time = UnixTimestamp(milliseconds: 1_767_225_600_000 + hour * 3_600_500)
                try encoder.append(Double(hour) / 8, labels: LabelSet([account], of: family), at: time, to: &bytes)
            }
        }
        bytes += ExpositionFormat.openMetrics100.terminator
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("blocks-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let built = try tool.run(
            ["tsdb", "create-blocks-from", "openmetrics", "/dev/stdin", folder.path], input: bytes)
        try #require(built.status == 0, "\(built.output)")
        // promtool dumps only folders with a write-ahead log, which may be empty.
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("wal"), withIntermediateDirectories: true)
        let dumped = try tool.run(["tsdb", "dump", folder.path], input: [])
        let samples = dumped.output.split(separator: "\n").filter { $0.contains("cost_usd_total") }
        #expect(samples.count == 96)
        #expect(samples.contains { $0.hasSuffix(" 5.875 1767394823500") })
    }

    @Test("prometheus_client's strict OpenMetrics parser returns the same samples")
    func pythonClient() throws {
        let installation = "pip install prometheus-client"
        let tool = try Tool(named: "python3", installation: "apt-get install python3 && \(installation)")
        try #require(
            tool.run(["-c", "import prometheus_client.openmetrics.parser"], input: []).status == 0,
            "python3 has no prometheus_client; install it with: \(installation)")
        let expositions = try (1...60 as ClosedRange<UInt64>).map { try RandomExposition(seed: $0) }
        let documents = try expositions.map { String(decoding: try $0.render(.openMetrics100), as: UTF8.self) }
        let result = try tool.run(["-c", Self.script], input: Array(JSONEncoder().encode(documents)))
        try #require(result.status == 0, "\(result.output)")
        let parsed = try JSONDecoder().decode([[ClientSample]].self, from: Data(result.output.utf8))
        try #require(parsed.count == expositions.count)
        for (index, exposition) in expositions.enumerated() {
            let found = try parsed[index].map { try $0.expectation() }
            #expect(found == exposition.expected(.openMetrics100), "seed \(index + 1)")
        }
    }

    /// Parses a list of documents and prints the samples of each with their `_created` values.
    private static let script = """
        import json, sys
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
        def key(s):
            return json.dumps({k: v for k, v in s.labels.items() if k != "le"}, sort_keys=True)
        def samples(family):
            created = {key(s): s.value for s in family.samples if s.name.endswith("_created")}
            return [{"name": s.name, "labels": s.labels, "value": repr(float(s.value)), "created": created.get(key(s))}
                    for s in family.samples if not s.name.endswith("_created")]
        documents = json.load(sys.stdin)
        print(json.dumps([[s for family in parse(d) for s in samples(family)] for d in documents]))
        """

    private struct ClientSample: Decodable {
        let name: String
        let labels: [String: String]
        let value: String
        /// In seconds.
        let created: Double?

        func expectation() throws -> ExpectedSample {
            try ExpectedSample(
                name: name, labels: labels, value: #require(Double(value)),
                created: created.map { UnixTimestamp(milliseconds: Int64(($0 * 1000).rounded())) })
        }
    }
}
