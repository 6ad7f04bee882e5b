import PrometheusExposition
import Testing

@Suite struct SampleEncoderTests {
    private let start = UnixTimestamp(milliseconds: 1_767_225_600_250)

    @Test(
        "a counter's _created line follows it in OpenMetrics only",
        arguments: [
            (ExpositionFormat.text004, "cost_usd_total{a=\"x\"} 4.52\n"),
            (.openMetrics100, "cost_usd_total{a=\"x\"} 4.52\ncost_usd_created{a=\"x\"} 1767225600.25\n"),
        ])
    func counter(format: ExpositionFormat, text: String) throws {
        let family = try MetricFamily(name: "cost_usd_total", type: .counter, help: "h", labelNames: ["a"])
        #expect(try render(4.52, family, ["x"], format, created: start) == text)
    }

    @Test("a gauge has no _created line", arguments: ExpositionFormat.allCases)
    func gauge(format: ExpositionFormat) throws {
        let family = try MetricFamily(name: "load", type: .gauge, help: "h")
        #expect(try render(0.5, family, [], format, created: start) == "load 0.5\n")
    }

    @Test("without labels there are no braces", arguments: [[""], ["x"]])
    func braces(values: [String]) throws {
        let family = try MetricFamily(name: "load", type: .gauge, help: "h", labelNames: ["a"])
        let expected = values == ["x"] ? "load{a=\"x\"} 1\n" : "load 1\n"
        #expect(try render(1, family, values, .text004) == expected)
    }

    @Test(
        "timestamps are milliseconds in 0.0.4 and seconds in OpenMetrics",
        arguments: [
            (UnixTimestamp(seconds: 1_767_225_600), "1767225600000", "1767225600"),
            (UnixTimestamp(milliseconds: 1_767_225_600_050), "1767225600050", "1767225600.05"),
            (UnixTimestamp(milliseconds: 1), "1", "0.001"), (UnixTimestamp(milliseconds: -1_500), "-1500", "-1.5"),
            (UnixTimestamp(seconds: 0), "0", "0"),
            (UnixTimestamp(seconds: .max), "9223372036854775807", "9223372036854775.807"),
        ])
    func times(time: UnixTimestamp, text: String, openMetrics: String) throws {
        let family = try MetricFamily(name: "load", type: .gauge, help: "h")
        #expect(try render(2, family, [], .text004, at: time) == "load 2 \(text)\n")
        #expect(try render(2, family, [], .openMetrics100, at: time) == "load 2.0 \(openMetrics)\n")
    }

    @Test("a sample's timestamp is also written on its _created line, because the lines of a metric must agree")
    func timedCreated() throws {
        let family = try MetricFamily(name: "hits_total", type: .counter, help: "h")
        let text = try render(
            2, family, [], .openMetrics100, created: UnixTimestamp(seconds: 60), at: UnixTimestamp(seconds: 90))
        #expect(text == "hits_total 2.0 90\nhits_created 60.0 90\n")
    }

    @Test("invalid counter values are skipped", arguments: [.nan, -1, -.infinity] as [Double])
    func impossibleCounter(value: Double) throws {
        let family = try MetricFamily(name: "hits_total", type: .counter, help: "h")
        #expect(try render(value, family, [], .openMetrics100, created: start).isEmpty)
    }

    @Test("a histogram is rejected")
    func wrongType() throws {
        let family = try MetricFamily(name: "wait_seconds", type: .histogram, help: "h")
        #expect(throws: EncoderError.wrongType("wait_seconds")) { try SampleEncoder(family, format: .text004) }
    }

    private func render(
        _ value: Double, _ family: MetricFamily, _ labels: [String], _ format: ExpositionFormat,
        created: UnixTimestamp? = nil, at time: UnixTimestamp? = nil
    ) throws -> String {
        var buffer: [UInt8] = []
        try SampleEncoder(family, format: format).append(
            value, labels: LabelSet(labels, of: family), created: created, at: time, to: &buffer)
        return String(decoding: buffer, as: UTF8.self)
    }
}
