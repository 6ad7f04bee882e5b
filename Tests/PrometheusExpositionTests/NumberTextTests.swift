import PrometheusExposition
import Testing

@Suite struct NumberTextTests {
    @Test(
        "values have the fewest digits, exponents outside of 1e-4 to 1e21, and .0 in OpenMetrics if whole",
        arguments: [
            (0, "0", "0.0"), (-0.0, "-0", "-0.0"), (1, "1", "1.0"), (-1, "-1", "-1.0"), (4.52, "4.52", "4.52"),
            (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"), (999_999, "999999", "999999.0"),
            (1_000_000, "1000000", "1000000.0"), (10_000_000, "10000000", "10000000.0"),
            (1_234_567.5, "1234567.5", "1234567.5"), (1_767_225_600.123, "1767225600.123", "1767225600.123"),
            (9_007_199_254_740_992, "9007199254740992", "9007199254740992.0"),
            (1e15, "1000000000000000", "1000000000000000.0"),
            (1.5e17, "150000000000000000", "150000000000000000.0"),
            (1.2345678901234568e20, "123456789012345680000", "123456789012345680000.0"),
            (1e20, "100000000000000000000", "100000000000000000000.0"), (1e21, "1e+21", "1e+21"),
            (-1.25e100, "-1.25e+100", "-1.25e+100"), (0.0001, "0.0001", "0.0001"),
            (0.00012345, "0.00012345", "0.00012345"), (0.00001, "1e-05", "1e-05"), (-1.5e-7, "-1.5e-07", "-1.5e-07"),
            (0.05, "0.05", "0.05"), (100.25, "100.25", "100.25"), (.leastNonzeroMagnitude, "5e-324", "5e-324"),
            (.greatestFiniteMagnitude, "1.7976931348623157e+308", "1.7976931348623157e+308"),
            (.infinity, "+Inf", "+Inf"), (-.infinity, "-Inf", "-Inf"), (.nan, "NaN", "NaN"),
        ] as [(Double, String, String)])
    func values(value: Double, text: String, openMetrics: String) throws {
        let family = try MetricFamily(name: "m", type: .gauge, help: "h")
        for (format, expected) in [(ExpositionFormat.text004, text), (.openMetrics100, openMetrics)] {
            var buffer: [UInt8] = []
            try SampleEncoder(family, format: format).append(value, labels: .none, to: &buffer)
            #expect(String(decoding: buffer, as: UTF8.self) == "m \(expected)\n")
        }
    }

    @Test("finite numbers round-trip", arguments: ExpositionFormat.allCases)
    func roundTrip(format: ExpositionFormat) throws {
        let encoder = try SampleEncoder(MetricFamily(name: "m", type: .gauge, help: "h"), format: format)
        var random = SeededGenerator(seed: 11)
        for _ in 0..<20_000 {
            let value = random.double()
            guard value.isFinite else { continue }
            var buffer: [UInt8] = []
            encoder.append(value, labels: .none, to: &buffer)
            let text = String(decoding: buffer.dropFirst(2).dropLast(), as: UTF8.self)
            // #expect for each number would take longer than the rest of the suite.
            if Double(text)?.bitPattern != value.bitPattern { Issue.record("\(value) was written as \(text)") }
        }
    }
}
