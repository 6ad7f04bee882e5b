import ConfigReading
import Testing

@testable import ExporterCore

@Suite("Durations and names in the config file")
struct ValueNotationTests {
    @Test(
        "Durations are parsed",
        arguments: [
            ("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("30d", 2_592_000_000), ("2w", 1_209_600_000),
            ("500ms", 500), ("1d2h3m4s5ms", 93_784_005), ("0s", 0), ("999999999w", 604_799_999_395_200_000),
        ] as [(String, Int64)])
    func durations(text: String, milliseconds: Int64) {
        #expect(DurationNotation.duration(text) == .milliseconds(milliseconds))
    }

    @Test(
        "Invalid durations are rejected",
        arguments: ["", "5", "m", "5 m", "-5m", "+5m", "5m1h", "5m5m", "1.5h", "5M", "1y", "٣m", "1000000000s", "5m "])
    func noDurations(text: String) {
        #expect(DurationNotation.duration(text) == nil)
    }

    @Test(
        "A duration is formatted with the fewest units, and round-trips",
        arguments: [
            (5400, "1h30m"), (34_560_000, "400d"), (1_209_600, "2w"), (0, "0s"), (90, "1m30s"), (86_401, "1d1s"),
        ])
    func texts(seconds: Int, text: String) {
        #expect(DurationNotation.text(.seconds(seconds)) == text)
        #expect(DurationNotation.duration(text) == .seconds(seconds))
    }

    @Test(
        "A typo finds the intended name",
        arguments: [
            ("api_kye_env", "api_key_env"), ("apikey_env", "api_key_env"), ("timout", "timeout"),
            ("Timeout", "timeout"), ("time-out", "timeout"), ("accuonts", "accounts"), ("key", nil), ("colour", nil),
            ("", nil), ("nmae", "name"),
        ] as [(String, String?)])
    func suggestions(typed: String, meant: String?) {
        let known = ["api_key_env", "api_key_file", "timeout", "accounts", "name"]
        #expect(NearestName.suggestion(for: typed, among: known) == meant)
    }

    @Test(
        "Distances count a transposition as one edit, even if the pair is edited further",
        arguments: [
            ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("ca", "abc", 2),
            ("kitten", "sitting", 3), ("größe", "grösse", 2),
        ])
    func distances(left: String, right: String, expected: Int) {
        #expect(NearestName.distance(Array(left.unicodeScalars), Array(right.unicodeScalars)) == expected)
        #expect(NearestName.distance(Array(right.unicodeScalars), Array(left.unicodeScalars)) == expected)
    }

    @Test(
        "Text that looks like a credential is not repeated, other text is",
        arguments: [
            ("soon", "\"soon\""), ("task-runner", "\"task-runner\""), ("99999999999d", "\"99999999999d\""),
            ("gemini-2.5-flash", "\"gemini-2.5-flash\""), ("a\u{1B}[2J", "\"a?[2J\""),
            ("sk-live", "text that looks like a credential (not repeated)"),
            ("Bearer x", "text that looks like a credential (not repeated)"),
            ("a1b2c3d4e5f6", "text that looks like a credential (not repeated)"),
        ])
    func quoting(value: String, shown: String) {
        #expect(QuotedValue.text(value) == shown)
    }
}
