import PrometheusExposition
import PrometheusExpositionTesting
import TestSupport
import Testing

@Suite struct RoundTripTests {
    @Test("rendered series are parsed as the same series", arguments: ExpositionFormat.allCases)
    func roundTrip(format: ExpositionFormat) throws {
        for seed in 1...150 as ClosedRange<UInt64> {
            let exposition = try RandomExposition(seed: seed)
            let families = try ExpositionParser.parse(exposition.render(format), format: format)
            let found = families.flatMap(\.samples).map {
                ExpectedSample(name: $0.name, labels: $0.labels, value: $0.value, created: $0.created)
            }
            #expect(found == exposition.expected(format), "seed \(seed)")

            let byName = Dictionary(uniqueKeysWithValues: exposition.families.map { ($0.name, $0) })
            for family in families {
                let original = try #require(byName[family.name])
                #expect(family.type == original.type)
                #expect(family.help?.utf8.elementsEqual(ExpectedSample.cleaned(original.help).utf8) == true)
                #expect(family.unit == (format == .openMetrics100 ? original.unit : nil))
            }
        }
    }

    @Test("newline is the only control character in the output", arguments: ExpositionFormat.allCases)
    func controlCharacters(format: ExpositionFormat) throws {
        for seed in 1...50 as ClosedRange<UInt64> {
            let bytes = try RandomExposition(seed: seed).render(format)
            #expect(bytes.allSatisfy { $0 == UInt8(ascii: "\n") || ($0 >= 0x20 && $0 != 0x7F) }, "seed \(seed)")
        }
    }

    @Test("chunks concatenate to the same bytes as a single rendering", arguments: ExpositionFormat.allCases)
    func chunks(format: ExpositionFormat) throws {
        let family = try MetricFamily(name: "hits_total", type: .counter, help: "h", labelNames: ["a"])
        let encoder = try SampleEncoder(family, format: format)
        let labels = try (0..<10).map { try LabelSet(["\($0)"], of: family) }
        var whole: [UInt8] = []
        for (index, label) in labels.enumerated() { encoder.append(Double(index), labels: label, to: &whole) }
        let chunks = labels.enumerated().map { index, label in
            var chunk: [UInt8] = []
            encoder.append(Double(index), labels: label, to: &chunk)
            return chunk
        }
        #expect(Array(chunks.joined()) == whole)
    }
}
