import ConfigReading
import ExporterCore
import Testing

@Suite("Redaction")
struct LogRedactionTests {
    @Test(
        "Each occurrence is replaced, and a secret that contains another is replaced completely",
        arguments: [
            ("nothing here", "nothing here"), ("secret-1", "<redacted>"), ("secret-1secret-1", "<redacted><redacted>"),
            ("xsecret-1y", "x<redacted>y"), ("secret-1-longer", "<redacted>"), ("secret-", "secret-"),
            ("secret-1\u{301}", "<redacted>\u{301}"), ("ssecret-1", "s<redacted>"), ("", ""),
        ])
    func replacement(text: String, shown: String) {
        let redaction = LogRedaction()
        redaction.register("secret-1")
        redaction.register("secret-1-longer")
        redaction.register("secret-1")
        #expect(redaction.redacted(text) == shown)
    }

    @Test("A value of fewer than six characters is not registered", arguments: [("abcde", false), ("abcdef", true)])
    func shortValues(secret: String, isReplaced: Bool) {
        let redaction = LogRedaction()
        redaction.register(secret)
        #expect((redaction.redacted(secret) == "<redacted>") == isReplaced)
    }
}
