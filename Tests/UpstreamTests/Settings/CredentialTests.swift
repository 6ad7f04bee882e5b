import Testing
import UsageModel

@testable import Upstream

@Suite struct CredentialTests {
    @Test("A credential cannot be printed")
    func redacted() {
        let credential = Credential(literal: "hunter2")
        var dumped = ""
        dump(credential, to: &dumped)
        dump(["nested": [credential]], to: &dumped)
        for text in ["\(credential)", String(reflecting: credential), String(describing: [credential]), dumped] {
            #expect(text.contains("hunter2") == false)
        }
        #expect("\(credential)" == "<redacted>")
    }

    @Test("White space around a key is removed, because files end with a line break")
    func trimmed() throws {
        #expect(try Credential(literal: " hunter2\n").value() == "hunter2")
    }

    @Test(
        "A key that is not valid in a header is an auth failure", arguments: ["", " \n", "a b", "a\r\nX: y", "ü"])
    func refused(text: String) {
        let failure = #expect(throws: UpstreamFailure.self) { try Credential(literal: text).value() }
        #expect(failure?.reason == .auth)
        #expect(failure?.message.contains("API key") == true)
    }

    @Test("A key that cannot be read is an auth failure; only messages for the operator are shown")
    func unreadable() {
        struct Leak: Error { let secret = "hunter2" }
        let leak = #expect(throws: UpstreamFailure.self) { try Credential { throw Leak() }.value() }
        #expect(leak?.reason == .auth)
        #expect(leak?.message.contains("hunter2") == false)
        let explained = #expect(throws: UpstreamFailure.self) {
            try Credential { throw SourceFailure(.auth, "/run/key does not exist") }.value()
        }
        #expect(explained?.message == "no API key: /run/key does not exist")
    }
}
