import PrometheusExposition
import PrometheusExpositionTesting
import Testing

@Suite struct ExpositionLintTests {
    @Test(
        "the lint checks a family's name, labels and help",
        arguments: [
            ("cost_usd_total", MetricType.counter, "h", ["key"], []),
            ("wait_seconds", .histogram, "h", ["key"], []),
            ("window_success_ratio", .gauge, "h", [], []),
            ("load", .gauge, "", [], [.noHelp]),
            ("hits_counter_total", .counter, "h", [], [.typeInName(.counter)]),
            ("load_gauge", .gauge, "h", [], [.typeInName(.gauge)]),
            ("gauge_load", .gauge, "h", [], []),
            ("wait_Histogram_seconds", .histogram, "h", [], [.typeInName(.histogram)]),
            ("hits_total", .gauge, "h", [], [.totalOnNonCounter]),
            ("load_bucket", .gauge, "h", [], [.reservedSuffix("_bucket")]),
            ("load_count", .gauge, "h", [], [.reservedSuffix("_count")]),
            ("load_sum", .gauge, "h", [], [.reservedSuffix("_sum")]),
            ("load", .gauge, "h", ["le"], [.reservedLabel("le")]),
            ("wait", .histogram, "h", ["quantile"], [.reservedLabel("quantile")]),
            ("job:load", .gauge, "h", [], [.colonInName]),
            ("cpuLoad", .gauge, "h", ["cpuName"], [.camelCaseLabel("cpuName"), .camelCaseName]),
            ("wait_ms", .gauge, "h", [], [.abbreviatedUnit("ms")]),
            ("size_kb_total", .counter, "h", [], [.abbreviatedUnit("kb")]),
            ("wait_milliseconds", .gauge, "h", [], [.notBaseUnit("milliseconds", base: "seconds")]),
            ("uptime_hours", .gauge, "h", [], [.notBaseUnit("hours", base: "seconds")]),
            ("size_mebibytes", .gauge, "h", [], [.notBaseUnit("mebibytes", base: "bytes")]),
            ("requests_per_minute", .gauge, "h", [], []),
        ] as [(String, MetricType, String, [String], [LintFinding])])
    func rules(name: String, type: MetricType, help: String, labels: [String], findings: [LintFinding]) throws {
        let family = try MetricFamily(name: name, type: type, help: help, labelNames: labels)
        let problems = ExpositionLint.problems(in: [family])
        #expect(problems.map(\.finding) == findings)
        #expect(problems.allSatisfy { $0.family == name })
    }

    @Test(
        "families whose names collide in one of the formats are duplicates",
        arguments: [
            ("a_total", MetricType.counter, "a_total", MetricType.counter, ["a", "a_created", "a_total"]),
            ("a", .gauge, "a_total", .counter, ["a"]), ("a_created", .gauge, "a_total", .counter, ["a_created"]),
            ("a", .histogram, "a", .gauge, ["a"]), ("a", .gauge, "b", .gauge, []),
        ])
    func duplicates(first: String, type: MetricType, second: String, other: MetricType, names: [String]) throws {
        let problems = ExpositionLint.problems(in: [
            try MetricFamily(name: first, type: type, help: "h"),
            try MetricFamily(name: second, type: other, help: "h"),
        ])
        #expect(problems.map(\.finding) == names.map(LintFinding.duplicate))
    }

    @Test("the lint checks parsed families too, including invalid counters")
    func parsed() throws {
        let text = """
            # TYPE hits counter
            hits{codeName="x"} 1
            # HELP wait_seconds Waiting.
            # TYPE wait_seconds histogram
            wait_seconds_bucket{le="+Inf"} 1
            wait_seconds_sum 1
            wait_seconds_count 1

            """
        let problems = ExpositionLint.problems(in: try ExpositionParser.parse(text, format: .text004))
        #expect(
            problems.map(\.description) == [
                "hits: has no help text", "hits: has the label codeName, which is not written in snake_case",
                "hits: is a counter and should end in _total",
            ])
    }
}
