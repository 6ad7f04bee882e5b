import PrometheusExposition
import Testing

@Suite struct HistogramEncoderTests {
    private let family: MetricFamily

    init() throws {
        family = try MetricFamily(name: "wait_seconds", type: .histogram, help: "h", labelNames: ["a"])
    }

    @Test("buckets are cumulative, end with +Inf, and format le by the format")
    func golden() throws {
        #expect(
            try render(.text004) == """
                wait_seconds_bucket{a="x",le="0.25"} 3
                wait_seconds_bucket{a="x",le="1"} 3
                wait_seconds_bucket{a="x",le="1e+06"} 5
                wait_seconds_bucket{a="x",le="+Inf"} 6
                wait_seconds_sum{a="x"} 9
                wait_seconds_count{a="x"} 6

                """)
        #expect(
            try render(.openMetrics100) == """
                wait_seconds_bucket{a="x",le="0.25"} 3
                wait_seconds_bucket{a="x",le="1.0"} 3
                wait_seconds_bucket{a="x",le="1e+06"} 5
                wait_seconds_bucket{a="x",le="+Inf"} 6
                wait_seconds_sum{a="x"} 9.0
                wait_seconds_count{a="x"} 6
                wait_seconds_created{a="x"} 60.0

                """)
    }

    @Test("a histogram without labels has only le")
    func withoutLabels() throws {
        var buffer: [UInt8] = []
        let encoder = try HistogramEncoder(family, bounds: [], format: .text004)
        try encoder.append(counts: [2], sum: 0.5, labels: .none, to: &buffer)
        let text = String(decoding: buffer, as: UTF8.self)
        #expect(text == "wait_seconds_bucket{le=\"+Inf\"} 2\nwait_seconds_sum 0.5\nwait_seconds_count 2\n")
    }

    @Test(
        "bounds that are not finite, non-negative and ascending are rejected",
        arguments: [[1, 1], [2, 1], [-1, 1], [1, .infinity], [.nan]] as [[Double]])
    func badBounds(bounds: [Double]) {
        #expect(throws: EncoderError.badBounds("wait_seconds")) {
            try HistogramEncoder(family, bounds: bounds, format: .text004)
        }
    }

    @Test("a wrong number of counts is rejected and nothing is written", arguments: [[], [1, 2], [1, 2, 3, 4]])
    func wrongCounts(counts: [UInt64]) throws {
        let encoder = try HistogramEncoder(family, bounds: [1, 2], format: .text004)
        var buffer: [UInt8] = []
        #expect(throws: EncoderError.bucketCount("wait_seconds", expected: 3, found: counts.count)) {
            try encoder.append(counts: counts, sum: 1, labels: .none, to: &buffer)
        }
        #expect(buffer.isEmpty)
    }

    @Test("a series with an invalid sum is skipped", arguments: [.nan, -0.5] as [Double])
    func impossibleSum(sum: Double) throws {
        var buffer: [UInt8] = []
        let encoder = try HistogramEncoder(family, bounds: [1], format: .text004)
        try encoder.append(counts: [1, 1], sum: sum, labels: .none, to: &buffer)
        #expect(buffer.isEmpty)
    }

    @Test("counts saturate at 64 bits instead of trapping")
    func overflow() throws {
        var buffer: [UInt8] = []
        let encoder = try HistogramEncoder(family, bounds: [1], format: .text004)
        try encoder.append(counts: [.max, 1], sum: 1, labels: .none, to: &buffer)
        #expect(String(decoding: buffer, as: UTF8.self).contains("_count 18446744073709551615\n"))
    }

    @Test("a counter is rejected")
    func wrongType() throws {
        let counter = try MetricFamily(name: "hits_total", type: .counter, help: "h")
        #expect(throws: EncoderError.wrongType("hits_total")) {
            try HistogramEncoder(counter, bounds: [1], format: .text004)
        }
    }

    private func render(_ format: ExpositionFormat) throws -> String {
        var buffer: [UInt8] = []
        let encoder = try HistogramEncoder(family, bounds: [0.25, 1, 1_000_000], format: format)
        try encoder.append(
            counts: [3, 0, 2, 1], sum: 9, labels: LabelSet(["x"], of: family), created: UnixTimestamp(seconds: 60),
            to: &buffer)
        return String(decoding: buffer, as: UTF8.self)
    }
}
