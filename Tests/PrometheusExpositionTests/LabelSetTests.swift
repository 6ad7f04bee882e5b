import PrometheusExposition
import Testing

@Suite struct LabelSetTests {
    @Test(
        "labels are written in the family's order, escaped, without the empty ones",
        arguments: [
            (["x", "y"], #"a="x",b="y""#),
            (["", "y"], #"b="y""#),
            (["x", ""], #"a="x""#),
            (["", ""], ""),
            ([#"say "hi""#, #"c:\dir"#], #"a="say \"hi\"",b="c:\\dir""#),
            (["two\nlines", #"\n"#], #"a="two\nlines",b="\\n""#),
            (["日本語", "🎨👩‍🎨"], #"a="日本語",b="🎨👩‍🎨""#),
            (["a\u{0}b\u{1F}c", "\u{7F}"], "a=\"a\u{FFFD}b\u{FFFD}c\",b=\"\u{FFFD}\""),
            (["cr\r\nlf", "tab\t"], "a=\"cr\u{FFFD}\\nlf\",b=\"tab\u{FFFD}\""),
            (["\u{85}", "a,b}{="], "a=\"\u{85}\",b=\"a,b}{=\""),
        ])
    func rendering(values: [String], text: String) throws {
        let family = try MetricFamily(name: "m", type: .gauge, help: "h", labelNames: ["a", "b"])
        let labels = try LabelSet(values, of: family)
        #expect(String(decoding: labels.bytes, as: UTF8.self) == text)
    }

    @Test("a wrong number of label values is rejected", arguments: [[], ["x"], ["x", "y", "z"]])
    func wrongCount(values: [String]) throws {
        let family = try MetricFamily(name: "m", type: .gauge, help: "h", labelNames: ["a", "b"])
        let error = #expect(throws: LabelCountError.self) { try LabelSet(values, of: family) }
        #expect(error?.description == "m has 2 label names, but \(values.count) label values were given")
    }

    @Test("composed and decomposed characters are different series")
    func bytesDecide() throws {
        let family = try MetricFamily(name: "m", type: .gauge, help: "h", labelNames: ["a"])
        #expect(try LabelSet(["\u{E9}"], of: family) != LabelSet(["e\u{301}"], of: family))
    }
}
