import Foundation
import Testing

@testable import Upstream

@Suite struct RedactionTests {
    private static let secret = "sk-test/9+?5f2d9c81=="

    @Test("A secret is redacted in each of its forms")
    func spellings() {
        let secret = Self.secret
        let whole = secret.utf8.map { String(format: "%%%02x", $0) }.joined()
        let strict = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        var forms = [secret, secret.uppercased(), whole, whole.uppercased(), strict, strict.lowercased()]
        for user in ["", "u", "us", "use", "user:", "Bearer "] {
            let text = Data((user + secret).utf8).base64EncodedString()
            forms += [text, text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")]
        }
        for form in forms {
            let shown = Redaction([secret]).applied(to: "before \(form) after")
            #expect(shown.hasPrefix("before ") && shown.hasSuffix(" after"))
            #expect(shown.contains("<redacted>"))
            // At the ends of Base64 text, at most two characters share bits with the secret.
            let rest = shown.replacing("<redacted>", with: "").dropFirst(7).dropLast(6)
            #expect(rest.count <= 14, "\(rest)")
        }
    }

    @Test("A key that the API has masked is redacted, with the ends that it shows")
    func masked() {
        let text = "Incorrect API key provided: sk-admin-********abcd. See the * in the docs."
        #expect(Redaction([]).applied(to: text) == "Incorrect API key provided: <redacted> See the * in the docs.")
    }

    @Test("Text without the secret is unchanged", arguments: ["", "sk-", "c2stNW", "%73%6B"])
    func otherText(text: String) {
        #expect(Redaction([Self.secret, ""]).applied(to: text) == text)
    }
}

@Suite struct KeyInBodyTests {
    private static let key = "sk-live/9f2+c81="

    @Test(
        "A response that repeats the key is decoded without it",
        arguments: [
            ("[\"sk-live/9f2+c81=\"]", "[\"<redacted>\"]"),
            ("{\"a sk-live/9f2+c81=sk-live/9f2+c81= b\":1}", "{\"a <redacted><redacted> b\":1}"),
            (#"["sk-live\/9f2\u002Bc81\u003d"]"#, #"["<redacted>"]"#),
            (#"["\u0073k-live/9f2+c81=", "\n"]"#, #"["<redacted>", "\n"]"#),
            (#"["a\\sk-live/9f2+c81=\\"]"#, #"["a\\<redacted>\\"]"#),
            (#"["sk-sk-live/9f2+c81=sk"]"#, #"["sk-<redacted>sk"]"#),
            (#"["ssk-live/9f2+c81="]"#, #"["s<redacted>"]"#),
            ("sk-live/9f2+c81=", "<redacted>"),
        ])
    func repeated(body: String, shown: String) {
        #expect(String(decoding: KeyInBody(Self.key).redacted(from: Array(body.utf8)), as: UTF8.self) == shown)
    }

    @Test(
        "Every other body is unchanged",
        arguments: [
            "", "s", "\\", #"["\\u0073k-live/9f2+c81="]"#, #"["\sk-live/9f2+c81"]"#, #"\u00"#, #"\u00zz"#,
            #"["sk-live/9f2+c81"#, #"["sk-live\"#, #"["sk-live\u002"#,
            "[\"SK-LIVE/9F2+C81=\"]",
        ])
    func other(body: String) {
        #expect(KeyInBody(Self.key).redacted(from: Array(body.utf8)) == Array(body.utf8))
    }

    @Test("A key that may be part of an ordinary name is not looked for", arguments: [nil, "", "key", "abcdefghijk"])
    func shortKey(key: String?) {
        let body = Array("{\"key\": \"abcdefghijkl\"}".utf8)
        #expect(KeyInBody(key).redacted(from: body) == body)
    }
}
