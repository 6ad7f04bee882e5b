import Testing
import Upstream
import UsageModel

@Suite struct HostileTextTests {
    private static func response(_ body: [UInt8]) -> UpstreamResponse {
        UpstreamResponse(status: 200, headers: [:], body: body)
    }

    @Test("A name of 1,024 bytes is unchanged; a longer one is truncated at a character and stays unique")
    func longNames() {
        for name in [String(repeating: "x", count: 1024), String(repeating: "é", count: 512), ""] {
            #expect(LongName.bounded(name) == name)
        }
        let beginning = String(repeating: "模", count: 100_000)
        let one = LongName.bounded(beginning + "a")
        let other = LongName.bounded(beginning + "b")
        #expect(one != other)
        #expect(one == LongName.bounded(beginning + "a"))
        for cut in [one, other] {
            #expect(cut.utf8.count <= 1024 && cut.utf8.count > 1020)
            #expect(cut.wholeMatch(of: /模+…[0-9a-f]{16}/) != nil)
        }
        #expect(LongName.bounded(one) == one)
    }

    @Test("Text is bounded for labels, and unbounded for values that are sent back")
    func lenientString() throws {
        let name = String(repeating: "x", count: 100_000)
        let texts = try JSONBody.decode([LenientString].self, from: Self.response(Array("[\"\(name)\",\"y\",7]".utf8)))
        #expect(texts.map(\.value) == [LongName.bounded(name), "y", "7"])
        #expect(texts.map(\.whole) == [name, "y", "7"])
    }

    @Test("Invalid UTF-8 is reported in decoded fields and ignored in others")
    func invalidUTF8() throws {
        let body = Array(#"{"n":1,"m":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
        let failure = #expect(throws: SourceFailure.self) {
            try JSONBody.decode([String: LenientString].self, from: Self.response(body))
        }
        #expect(failure?.message == "the response is not valid UTF-8, which JSON requires")
        struct Number: Decodable { let n: LenientInt }
        #expect(try JSONBody.decode(Number.self, from: Self.response(body)).n.value == 1)
    }

    @Test("A list of ten thousand is decoded, one more element is rejected")
    func longLists() throws {
        for (count, isRead) in [(10_000, true), (10_001, false)] {
            let body = Array(("[0" + String(repeating: ",0", count: count - 1) + "]").utf8)
            do {
                let list = try JSONBody.decode(RequiredArray<LenientInt>.self, from: Self.response(body))
                #expect(isRead && list.values.count == count)
            } catch let failure as SourceFailure {
                #expect(!isRead)
                #expect(failure.message == "the document: expected a list of at most 10000, found a list of 10001")
            }
        }
    }
}
