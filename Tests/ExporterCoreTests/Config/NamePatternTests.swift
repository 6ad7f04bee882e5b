import Testing

@testable import ExporterCore

/// Tests of names with `*` in the config.
@Suite struct NamePatternTests {
    @Test(
        "a star matches any run of characters, also none",
        arguments: [
            ("web", "web", true), ("web", "web2", false), ("web", "Web", false), ("*", "", true), ("*", "a/b", true),
            ("ci-*", "ci-", true), ("ci-*", "ci-7", true), ("ci-*", "a-ci-7", false), ("*-ci", "x-ci", true),
            ("a*a", "a", false), ("a*a", "aa", true), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true), ("kling*v2*", "kling/i2v-v2-master", true), ("*é*", "cafés", true), ("", "", true),
            ("", "x", false), ("*ab*ab*", "xabx", false),
        ])
    func matches(pattern: String, name: String, expected: Bool) {
        #expect(NamePattern(pattern).matches(name) == expected)
    }

    @Test(
        "a pattern covers another one if it matches all of its names",
        arguments: [
            ("*", "ci-*", true), ("ci-*", "*", false), ("ci-*", "ci-prod-*", true), ("ci-*", "ci-*", true),
            ("*a*", "*b*a*", true), ("*-prod", "ci-*", false), ("web", "web", true), ("web", "we*", false),
            ("a*b", "a*c*b", true), ("a*c*b", "a*b", false),
        ])
    func covers(pattern: String, other: String, expected: Bool) {
        #expect(NamePattern(pattern).covers(NamePattern(other)) == expected)
    }

    @Test(
        "patterns overlap if a name matches both",
        arguments: [
            ("ci-*", "*-prod", true), ("ci-*", "web-*", false), ("*-ci", "*-web", false), ("a*b", "b*a", false),
            ("a*", "*a", true), ("*", "", true), ("a*b*c", "a*c", true), ("*ab*", "*cd*", true), ("web", "web", true),
            ("web", "web2", false), ("ci-*-x", "ci-y-*", true), ("", "a", false),
        ])
    func overlaps(pattern: String, other: String, expected: Bool) {
        #expect(NamePattern(pattern).overlaps(NamePattern(other)) == expected)
        #expect(NamePattern(other).overlaps(NamePattern(pattern)) == expected)
    }

    @Test("patterns overlap exactly if some short name matches both")
    func overlapsByNames() {
        let names = Self.texts(of: ["a", "b"], upTo: 5)
        let patterns = Self.texts(of: ["a", "b", "*"], upTo: 3).map { NamePattern($0) }
        for left in patterns {
            for right in patterns {
                let common = names.contains { left.matches($0) && right.matches($0) }
                #expect(left.overlaps(right) == common, "\(left.text) \(right.text)")
            }
        }
    }

    private static func texts(of letters: [String], upTo length: Int) -> [String] {
        (0..<length).reduce([[""]]) { known, _ in
            known + [(known.last ?? []).flatMap { text in letters.map { text + $0 } }]
        }.flatMap { $0 }
    }
}
