import PrometheusExposition
import PrometheusExpositionTesting
import Testing

@Suite struct ExpositionParserTests {
    @Test("an OpenMetrics exposition is parsed with its metadata, timestamps and created lines")
    func openMetrics() throws {
        let families = try ExpositionParser.parse(
            """
            # HELP cost_usd Money \\"spent\\"\\n\\\\.
            # TYPE cost_usd counter
            # UNIT cost_usd usd
            cost_usd_total{a="x\\"\\\\\\n",b="y"} 4.5
            cost_usd_created{a="x\\"\\\\\\n",b="y"} 1767225600.25
            # TYPE load gauge
            load 1.0 60
            load 2e+21 60.5
            # TYPE idle gauge
            # EOF

            """, format: .openMetrics100)
        #expect(families.map(\.name) == ["cost_usd_total", "load", "idle"])
        #expect(families[0].type == .counter)
        #expect(families[0].help == "Money \"spent\"\n\\.")
        #expect(families[0].unit == "usd")
        #expect(families[0].samples.map(\.name) == ["cost_usd_total"])
        #expect(families[0].samples.first?.labels == ["a": "x\"\\\n", "b": "y"])
        #expect(families[0].samples.first?.value == 4.5)
        #expect(families[0].samples.first?.created == UnixTimestamp(milliseconds: 1_767_225_600_250))
        #expect(families[1].samples.map(\.value) == [1, 2e21])
        #expect(families[1].samples.map(\.timestamp?.milliseconds) == [60_000, 60_500])
        #expect(families[2].samples.isEmpty)
    }

    @Test("a 0.0.4 exposition may have comments and empty lines, and no terminator")
    func text() throws {
        let families = try ExpositionParser.parse(
            """
            # a comment
            #

            # TYPE hits_total counter
            # HELP hits_total All "hits".
            hits_total{code="200"} 3 1000

            """, format: .text004)
        #expect(families.map(\.name) == ["hits_total"])
        #expect(families[0].help == "All \"hits\".")
        #expect(families[0].samples.first?.timestamp?.milliseconds == 1000)
        #expect(try ExpositionParser.parse("", format: .text004).isEmpty)
    }

    @Test(
        "errors are reported with their line",
        arguments: [
            (.text004, "a 1\n", 1, .missingType("a")),
            (.text004, "# HELP a h\na 1\n", 2, .missingType("a")),
            (.text004, "# HELP a h\n", 1, .missingType("a")),
            (.text004, "# TYPE a gauge\nb 1\n", 2, .missingType("b")),
            (.text004, "# TYPE a gauge\na 1", 2, .missingFinalNewline),
            (.text004, "# TYPE a gauge\na 1\n# TYPE a gauge\n", 3, .badMetadata),
            (.text004, "# TYPE a gauge\n# TYPE a gauge\n", 2, .badMetadata),
            (.text004, "# TYPE a\n", 1, .badMetadata),
            (.text004, "# TYPE a summary\n", 1, .unknownType("summary")),
            (.text004, "# TYPE a-b gauge\n", 1, .badName("a-b")),
            (.text004, "# HELP a x\\y\n", 1, .badEscape),
            (.openMetrics100, "# HELP a \"\n", 1, .badEscape),
            (.openMetrics100, "# TYPE a gauge\n# UNIT a usd\n", 2, .badUnit("usd")),
            (.openMetrics100, "# TYPE a gauge\n\n", 2, .strayLine),
            (.openMetrics100, "# note\n", 1, .strayLine),
            (.openMetrics100, "# TYPE a gauge\na 1\n", 2, .missingEOF),
            (.openMetrics100, "", 0, .missingEOF),
            (.openMetrics100, "# EOF\n# EOF\n", 2, .textAfterEOF),
            (.openMetrics100, "# EOF\nx", 2, .textAfterEOF),
            (.openMetrics100, "# EOF", 1, .missingFinalNewline),
            (.text004, "# TYPE a gauge\n# TYPE b gauge\na 1\n", 3, .interleavedFamily("a")),
            (.text004, "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# HELP a h\n", 5, .interleavedFamily("a")),
            (.openMetrics100, "# TYPE a counter\na_total 1\n# TYPE a_total gauge\n", 3, .clashingName("a_total")),
            (.text004, "# TYPE a_sum gauge\na_sum 1\n# TYPE a histogram\n", 3, .clashingName("a_sum")),
            (.openMetrics100, "# TYPE a counter\na 1\n", 2, .badName("a")),
            (.text004, "# TYPE a gauge\na  1\n", 2, .badValue("")),
            (.text004, "# TYPE a gauge\na\n", 2, .badSample),
            (.text004, "# TYPE a gauge\na 1 2 3\n", 2, .badSample),
            (.text004, "# TYPE a gauge\na 1 \n", 2, .badTimestamp),
            (.text004, "# TYPE a gauge\na 1 1.5\n", 2, .badTimestamp),
            (.text004, "# TYPE a gauge\na 0x1p3\n", 2, .badValue("0x1p3")),
            (.text004, "# TYPE a gauge\na nan\n", 2, .badValue("nan")),
            (.text004, "# TYPE a gauge\na 1,5\n", 2, .badValue("1,5")),
            (.text004, "# TYPE a gauge\na 1e999\n", 2, .badValue("1e999")),
            (.text004, "# TYPE a_total counter\na_total -1\n", 2, .badValue("-1.0")),
            (.openMetrics100, "# TYPE a counter\na_total NaN\n", 2, .badValue("nan")),
            (.text004, "# TYPE a gauge\na{b=\"x\\y\"} 1\n", 2, .badEscape),
            (.text004, "# TYPE a gauge\na{b=\"x\\", 2, .missingFinalNewline),
            (.text004, "# TYPE a gauge\na{b=\"x\n", 2, .badLabel),
            (.text004, "# TYPE a gauge\na{b=x} 1\n", 2, .badLabel),
            (.text004, "# TYPE a gauge\na{b=\"x\",} 1\n", 2, .badLabel),
            (.text004, "# TYPE a gauge\na{b=\"x\",b=\"y\"} 1\n", 2, .badLabel),
            (.text004, "# TYPE a gauge\na{__b=\"x\"} 1\n", 2, .badLabel),
            (.text004, "# TYPE a gauge\na{b=\"x\"}1\n", 2, .badSample),
            (.text004, "# TYPE a gauge\na{b=\"x\",c=\"y\"} 1\na{c=\"y\",b=\"x\"} 2\n", 3, .duplicateSeries("a")),
            (.text004, "# TYPE a gauge\na 1 5\na 1 6\n", 3, .duplicateSeries("a")),
            (.openMetrics100, "# TYPE a gauge\na 1 5\na 1 5\n", 3, .duplicateSeries("a")),
            (.openMetrics100, "# TYPE a gauge\na 1 5\na 1 4\n", 3, .badTimestamp),
            (.openMetrics100, "# TYPE a gauge\na 1 5\na 1\n", 3, .badTimestamp),
            (.openMetrics100, "# TYPE a counter\na_created 1\n# EOF\n", 2, .createdWithoutSample),
            (
                .openMetrics100, "# TYPE a counter\na_total{b=\"x\"} 1\na_total{b=\"y\"} 1\na_created{b=\"x\"} 1\n", 4,
                .duplicateSeries("a_created")
            ),
        ] as [(ExpositionFormat, String, Int, ExpositionParseError.Reason)])
    func refusal(format: ExpositionFormat, text: String, line: Int, reason: ExpositionParseError.Reason) {
        let error = #expect(throws: ExpositionParseError.self) { try ExpositionParser.parse(text, format: format) }
        #expect(error?.reason == reason)
        #expect(error?.line == line)
    }

    @Test(
        "inconsistent histograms are rejected",
        arguments: [
            (["a_bucket{le=\"1\"} 1", "a_sum 1", "a_count 1"], 4, .missingInfinityBucket),
            (["a_sum 1", "a_count 1"], 3, .missingInfinityBucket),
            (["a_bucket{le=\"+Inf\"} 1", "a_count 1"], 3, .missingSumOrCount),
            (["a_bucket{le=\"+Inf\"} 1", "a_sum 1"], 3, .missingSumOrCount),
            (["a_bucket{le=\"+Inf\"} 1", "a_sum 1", "a_count 2"], 4, .countMismatch),
            (["a_bucket{le=\"2\"} 1", "a_bucket{le=\"1\"} 1"], 3, .unsortedBounds),
            (["a_bucket{le=\"1\"} 1", "a_bucket{le=\"1.0\"} 1"], 3, .duplicateSeries("a_bucket")),
            (["a_bucket{le=\"1\"} 2", "a_bucket{le=\"+Inf\"} 1"], 3, .bucketsNotCumulative),
            (["a_bucket 1"], 2, .badBound), (["a_bucket{le=\"one\"} 1"], 2, .badBound),
            (["a_bucket{le=\"NaN\"} 1"], 2, .badBound), (["a_bucket{le=\"1\"} 1.5"], 2, .badValue("1.5")),
            (["a_bucket{le=\"+Inf\"} 1", "a_sum -1"], 3, .badValue("-1.0")), (["a 1"], 2, .badName("a")),
            (
                ["a_bucket{le=\"+Inf\",b=\"x\"} 1", "a_bucket{le=\"+Inf\",b=\"y\"} 1", "a_sum{b=\"x\"} 1"], 2,
                .missingSumOrCount
            ),
        ] as [([String], Int, ExpositionParseError.Reason)])
    func histograms(lines: [String], line: Int, reason: ExpositionParseError.Reason) {
        let text = (["# TYPE a histogram"] + lines).joined(separator: "\n") + "\n"
        let error = #expect(throws: ExpositionParseError.self) { try ExpositionParser.parse(text, format: .text004) }
        #expect(error?.reason == reason)
        #expect(error?.line == line)
    }

    @Test("bytes that are not UTF-8 are rejected")
    func invalidUTF8() {
        let bytes = Array("# TYPE a gauge\na{b=\"".utf8) + [0xC3] + Array("\"} 1\n".utf8)
        let error = #expect(throws: ExpositionParseError.self) { try ExpositionParser.parse(bytes, format: .text004) }
        #expect(error?.description == "line 2: invalidUTF8")
    }

    @Test("composed and decomposed label values are two series")
    func canonicalEquivalence() throws {
        let text = "# TYPE a gauge\na{b=\"\u{E9}\"} 1\na{b=\"e\u{301}\"} 2\n"
        #expect(try ExpositionParser.parse(text, format: .text004).first?.samples.count == 2)
    }

    @Test("damaged expositions return families or an error, without a crash", arguments: ExpositionFormat.allCases)
    func damage(format: ExpositionFormat) throws {
        var random = SeededGenerator(seed: 5)
        let whole = try RandomExposition(seed: 5).render(format)
        let lines = whole.count { $0 == UInt8(ascii: "\n") }
        for _ in 0..<1_000 {
            var bytes = Array(whole.prefix(Int.random(in: 0...whole.count, using: &random)))
            if let index = bytes.indices.randomElement(using: &random) {
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            do {
                _ = try ExpositionParser.parse(bytes, format: format)
            } catch {
                if error.line > lines + 1 { Issue.record("an error in line \(error.line) of \(lines)") }
            }
        }
    }
}
