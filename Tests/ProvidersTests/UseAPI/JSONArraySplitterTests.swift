import Testing
import TestSupport
import UsageModel

@testable import Providers

@Suite struct JSONArraySplitterTests {
    /// Returns the batches and the rest as strings.
    private func read(_ text: String, batchBytes: Int = 1) throws -> (batches: [String], firsts: [Int], rest: String) {
        var batches: [String] = []
        var firsts: [Int] = []
        var document = JSONArraySplitter(Array(text.utf8), list: "data", batchBytes: batchBytes)
        let rest = try document.read {
            batches.append(String(decoding: $0.json, as: UTF8.self))
            firsts.append($0.first)
        }
        return (batches, firsts, String(decoding: rest, as: UTF8.self))
    }

    @Test(arguments: [
        #"{"data":[1,2],"total":2}"#, #"{"total":2,"data":[1,2]}"#, " {\n\"total\" :2 , \"data\": [ 1 ,\t2 ] }\r\n",
        "\u{FEFF}{\"data\":[1,2],\"total\":2}",
    ])
    func listMayBeAnyMember(text: String) throws {
        let (batches, firsts, rest) = try read(text)
        #expect(batches == ["[1]", "[2]"])
        #expect(firsts == [0, 1])
        #expect(rest.filter { $0 != " " } == #"{"total":2}"#)
    }

    @Test func elementsKeepTheirBytes() throws {
        let elements = [
            #"{"a":"]}\"[{,","b":[[],{"c":{}}]}"#, #""\\""#, #""\\\"]""#, "-1.5e3", "null", "[]", #"{"data":[1]}"#,
            #""é😀\u005d""#,
        ]
        let text = #"{"x":"data\":[","data":["# + elements.joined(separator: " , ") + #"],"y":{"data":[2]}}"#
        let (batches, _, rest) = try read(text)
        #expect(batches == elements.map { "[\($0)]" })
        #expect(rest == #"{"x":"data\":[","y":{"data":[2]}}"#)
    }

    @Test func batchesEndAtTheirSize() throws {
        let (batches, firsts, _) = try read(#"{"data":[10,11,12,13,14]}"#, batchBytes: 5)
        #expect(batches == ["[10,11]", "[12,13]", "[14]"])
        #expect(firsts == [0, 2, 4])
    }

    @Test(arguments: [#"{}"#, #"{"data":null}"#, #"{"data":[]}"#, #"{ "data" : [ ] }"#])
    func missingNullAndEmptyListsHaveNoElements(text: String) throws {
        #expect(try read(text).batches.isEmpty)
    }

    @Test(arguments: [
        "", " ", "[]", "null", "{", #"{"data"#, #"{"data":"#, #"{"data":["#, #"{"data":[1"#, #"{"data":[1,"#,
        #"{"data":[1]"#, #"{"data":[1]}x"#, #"{"data":[1,]}"#, #"{"data":[,1]}"#, #"{"data":[1 2]}"#, #"{"data":{}}"#,
        #"{"data":"x"}"#, #"{"data":[1],}"#, #"{"data":[1] "a":1}"#, #"{data:[1]}"#, #"{"a":}"#, #"{"a" 1}"#,
        #"{"data":["x]}"#, #"{"data":["\"]}"#, #"{"data":[1],"data":[1]}"#, #"{"total":1,"total":2}"#,
        #"{"d\u0061ta":[1]}"#, #"{"data":[{"a":1]"#, "\u{FEFF}", #"{"data":[1]}{}"#, "\"",
    ])
    func invalidDocumentFails(text: String) {
        let failure = #expect(throws: SourceFailure.self) { _ = try read(text) }
        #expect(failure?.reason == .decode)
    }

    @Test func everyTruncationOfADocumentFails() throws {
        let text = #"{"total":2,"data":[{"config":"a]\"","msec":1},{"code":200}],"summary":{"by_code":{"200":2}}}"#
        for length in 0..<text.utf8.count {
            let part = String(decoding: text.utf8.prefix(length), as: UTF8.self)
            let failure = #expect(throws: SourceFailure.self) { _ = try read(part) }
            #expect(failure?.reason == .decode)
        }
    }

    @Test func depthDoesNotTrapAndIsLeftToTheDecoder() throws {
        let deep = String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)
        #expect(try read(#"{"data":[\#(deep)]}"#).batches.count == 1)
        let day = try #require(UTCDay("2026-02-13"))
        let failure = #expect(throws: SourceFailure.self) {
            _ = try UseAPIDay(.init(json: #"{"data":[{"x":\#(deep)}]}"#), bot: "kling", day: day)
        }
        #expect(failure?.message == "data, from row 0 on: the response is not valid JSON, or nested too deeply")
    }

    /// Random damage to a valid document: the result is the same figures or a decode failure, never a trap.
    @Test func damagedDocumentsNeverTrap() throws {
        let day = try #require(UTCDay(UseAPIExample.date))
        let good = Array(UseAPIExample.text.utf8)
        let random = SeededRandom(5)
        let signs = Array("{}[]\",:\\0-e ".utf8)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0...random.int(0...3) {
                bytes[random.int(0...(bytes.count - 1))] = signs[random.int(0...(signs.count - 1))]
            }
            do {
                let usage = try UseAPIDay(.init(status: 200, headers: [:], body: bytes), bot: "kling", day: day)
                _ = try usage.cells(earlier: [], isSettled: true) { _ in nil }
            } catch let failure as SourceFailure {
                #expect(failure.reason == .decode)
            }
        }
    }
}
