import PrometheusExposition
import Testing

@Suite struct MetricFamilyTests {
    @Test(
        "an invalid family is rejected with the violated rule",
        arguments: [
            ("", MetricType.gauge, [], MetricFamilyError.illegalName("")),
            ("1st", .gauge, [], .illegalName("1st")),
            ("a-b", .gauge, [], .illegalName("a-b")),
            ("a b", .gauge, [], .illegalName("a b")),
            ("größe", .gauge, [], .illegalName("größe")),
            ("a\n", .gauge, [], .illegalName("a\n")),
            ("__a", .gauge, [], .reservedName("__a")),
            ("cost", .counter, [], .counterWithoutTotal("cost")),
            ("_total", .counter, [], .counterWithoutTotal("_total")),
            ("a", .gauge, ["b-c"], .illegalLabelName("b-c", family: "a")),
            ("a", .gauge, [""], .illegalLabelName("", family: "a")),
            ("a", .gauge, ["b:c"], .illegalLabelName("b:c", family: "a")),
            ("a", .gauge, ["9b"], .illegalLabelName("9b", family: "a")),
            ("a", .gauge, ["__name__"], .reservedLabelName("__name__", family: "a")),
            ("a", .gauge, ["b", "c", "b"], .duplicateLabelName("b", family: "a")),
            ("a", .histogram, ["le"], .boundLabelOnHistogram("a")),
        ] as [(String, MetricType, [String], MetricFamilyError)])
    func refusal(name: String, type: MetricType, labels: [String], error: MetricFamilyError) {
        #expect(throws: error) { try MetricFamily(name: name, type: type, help: "h", labelNames: labels) }
        #expect(!error.description.isEmpty)
    }

    @Test(
        "a valid family keeps its names",
        arguments: [
            ("a", MetricType.gauge, ["b", "_c", "D9"]), ("a:b_total", .counter, []), ("_a", .histogram, ["quantile"]),
        ])
    func acceptance(name: String, type: MetricType, labels: [String]) throws {
        let family = try MetricFamily(name: name, type: type, help: "h", labelNames: labels)
        #expect(family.name == name)
        #expect(family.labelNames == labels)
    }

    @Test(
        "the unit is the last word of the name before _total, if it is a unit",
        arguments: [
            ("cost_usd_total", MetricType.counter, "usd"), ("duration_seconds", .histogram, "seconds"),
            ("storage_bytes", .gauge, "bytes"), ("success_ratio", .gauge, "ratio"), ("requests_total", .counter, nil),
            ("seconds", .gauge, nil), ("seconds_left", .gauge, nil), ("milliseconds", .gauge, nil),
        ] as [(String, MetricType, String?)])
    func unit(name: String, type: MetricType, unit: String?) throws {
        #expect(try MetricFamily(name: name, type: type, help: "h").unit == unit)
    }

    @Test(
        "the header names counters by the format and escapes the help",
        arguments: [
            (
                "cost_usd_total", MetricType.counter, "A \"b\" \\ c\nd\re", ExpositionFormat.text004,
                "# HELP cost_usd_total A \"b\" \\\\ c\\nd\u{FFFD}e\n# TYPE cost_usd_total counter\n"
            ),
            (
                "cost_usd_total", .counter, "A \"b\" \\ c\nd\re", .openMetrics100,
                "# HELP cost_usd A \\\"b\\\" \\\\ c\\nd\u{FFFD}e\n# TYPE cost_usd counter\n# UNIT cost_usd usd\n"
            ),
            ("up", .gauge, "", .text004, "# TYPE up gauge\n"),
            ("up", .gauge, "U.", .openMetrics100, "# HELP up U.\n# TYPE up gauge\n"),
            (
                "wait_seconds", .histogram, "W.", .openMetrics100,
                "# HELP wait_seconds W.\n# TYPE wait_seconds histogram\n# UNIT wait_seconds seconds\n"
            ),
        ])
    func header(name: String, type: MetricType, help: String, format: ExpositionFormat, text: String) throws {
        let family = try MetricFamily(name: name, type: type, help: help)
        #expect(String(decoding: family.header(in: format), as: UTF8.self) == text)
    }
}
