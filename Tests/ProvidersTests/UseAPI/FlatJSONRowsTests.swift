import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct FlatJSONRowsTests {
    private static let row = #"""
        {"timestamp":"2026-02-13T23:58:38.000Z","jobid":"j1","config":"a@example.com","endpoint":"post-videos",\#
        "code":201,"msec":8000,"model":"veo-3.1-fast","captchaProviders":"CapSolver, 2Captcha","captchaRetry":1,\#
        "tier":"PAYGATE_TIER_TWO","sku":"WS_ULTRA"}
        """#

    /// Returns the rows as `JSONDecoder` decodes them; nil if it fails.
    private func decoded(_ json: [UInt8]) -> [UseAPIRow]? {
        try? JSONBody.decode(
            [UseAPIRow].self, from: UpstreamResponse(status: 200, headers: UpstreamHeaders([]), body: json))
    }

    @Test(arguments: [
        "[]", " [ ] \n", "[{}]", "[\(row)]", "[\(row),\n \(row)]", #"[{"config":"模型 é","other":"😀"}]"#,
        #"[{ "code" : null , "msec" : 0 }]"#, #"[{"code":"200","model":"","unknown":7,"nothing":null}]"#,
        #"[{"msec":999999999999999}]"#, #"[{"config":12,"captchaProviders":7,"tier":0,"sku":3}]"#,
        #"[{"":1,"model":"a"}]"#,
        "[{\"model\":\"a\u{7F}\u{FEFF}b\",\"other\u{FEFF}\":\"c\"}]",
        "[{\"model\":\"" + String(repeating: "é", count: 900) + "\",\"captchaProviders\":\""
            + String(repeating: "x", count: 2000) + "\"}]",
    ])
    func flatRowsEqualThoseOfTheDecoder(json: String) throws {
        let rows = try #require(UseAPIRow.plain(Array(json.utf8)))
        #expect(rows == decoded(Array(json.utf8)))
    }

    @Test(arguments: [
        "", "null", "{}", "[", "[{]", "[{}", "[{},]", "[,{}]", "[{}]x", "[{} {}]", "[null]", "[1]", "[[]]",
        #"[{"code":1,}]"#, #"[{"code" 1}]"#, #"[{"code":}]"#, #"[{"code":01}]"#, #"[{"code":-1}]"#, #"[{"code":1.5}]"#,
        #"[{"msec":1e3}]"#, #"[{"msec":"12"}]"#, #"[{"captchaRetry":"1"}]"#, #"[{"msec":1000000000000000}]"#,
        #"[{"code":true}]"#, #"[{"code":nul}]"#, #"[{"code":1,"code":2}]"#, #"[{"code":null,"code":1}]"#,
        #"[{"captchaRetry":2000000000000000}]"#, #"[{"model":"a\u0062"}]"#,
        #"[{"mod\u0065l":"a"}]"#, #"[{"model":"a"#, "[{\"model\":\"a\tb\"}]", #"[{"other":{"deep":1}}]"#,
        #"[{"other":[]}]"#, #"[{code:1}]"#, "\u{FEFF}[]",
    ])
    func otherFormsAreLeftToTheDecoder(json: String) {
        #expect(UseAPIRow.plain(Array(json.utf8)) == nil)
    }

    @Test func invalidUTF8IsLeftToTheDecoder() {
        for bytes in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x80]] as [[UInt8]] {
            for name in ["model", "other"] {
                let json = Array(#"[{"\#(name)":""#.utf8) + bytes + Array(#""}]"#.utf8)
                #expect(UseAPIRow.plain(json) == nil)
            }
        }
    }

    /// Rows with random bytes changed, removed and inserted: the decoder reads all flat rows alike.
    @Test func neverDiffersFromTheDecoder() {
        let random = SeededRandom(7)
        let signs =
            Array(#"{}[]",:\ 0123456789.-+eEntrufalsxcodmp"#.utf8) + [0, 0x0A, 0x1F, 0x7F, 0x80, 0xC3, 0xA9, 0xFF]
        let seed = Array("[\(Self.row)]".utf8)
        var read = 0
        for _ in 0..<20_000 {
            var json = seed
            for _ in 0..<random.int(1...3) {
                let place = random.int(0...(json.count - 1))
                let sign = signs[random.int(0...(signs.count - 1))]
                switch random.int(0...3) {
                case 0: json[place] = sign
                case 1: json.remove(at: place)
                case 2: json.insert(sign, at: place)
                default:
                    let end = min(json.count, place + random.int(1...30))
                    json.insert(contentsOf: json[place..<end], at: random.int(0...(json.count - 1)))
                }
            }
            guard let rows = UseAPIRow.plain(json) else { continue }
            read += 1
            #expect(rows == decoded(json), "\(String(decoding: json, as: UTF8.self))")
        }
        // Changes inside strings and numbers keep rows flat.
        #expect(read > 2_000)
    }
}
