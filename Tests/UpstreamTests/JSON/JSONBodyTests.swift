import Testing
import Upstream
import UsageModel

private struct Usage: Decodable {
    struct Data: Decodable {
        struct Summary: Decodable { let total_cost: Double, calls: Int }
        struct Row: Decodable {
            let model: String, cost: LenientDecimal, ok: Bool?, tags: [String]?, more: [String: Int]?
        }
        let summary: Summary
        let rows: [Row]
    }
    let data: Data
}

@Suite struct JSONBodyTests {
    private static func message<T: Decodable>(_ type: T.Type, _ body: [UInt8]) -> String? {
        let failure = #expect(throws: SourceFailure.self) {
            try JSONBody.decode(type, from: UpstreamResponse(status: 200, headers: [:], body: body))
        }
        #expect(failure?.reason == .decode)
        return failure?.message
    }

    private static func usage(cost: String = "1", calls: String = "1", row: String = #"{"model":"m","cost":1}"#)
        -> [UInt8]
    {
        Array(#"{"data":{"summary":{"total_cost":\#(cost),"calls":\#(calls)},"rows":[\#(row)]}}"#.utf8)
    }

    @Test(
        "A mismatch is reported by its path and kind, never by its value",
        arguments: [
            (usage(cost: #""hunter2""#), "data.summary.total_cost: expected a number, found text"),
            (usage(cost: "true"), "data.summary.total_cost: expected a number, found true or false"),
            (usage(cost: "[]"), "data.summary.total_cost: expected a number, found a list"),
            (usage(cost: "{}"), "data.summary.total_cost: expected a number, found an object"),
            (usage(cost: "null"), "data.summary.total_cost: expected a number, found null"),
            (usage(calls: #""7""#), "data.summary.calls: expected a whole number, found text"),
            (usage(row: #"{"model":7,"cost":1}"#), "data.rows[0].model: expected text, found a number"),
            (usage(row: #"{"cost":1}"#), "data.rows[0].model: missing"),
            (
                usage(row: #"{"model":"m","cost":"x"}"#),
                "data.rows[0].cost: expected a number, found non-numeric text"
            ),
            (usage(row: #"{"model":"m","cost":1,"ok":"yes"}"#), "data.rows[0].ok: expected true or false, found text"),
            (usage(row: #"{"model":"m","cost":1,"tags":"a"}"#), "data.rows[0].tags: expected a list, found text"),
            (usage(row: #"{"model":"m","cost":1,"more":[]}"#), "data.rows[0].more: expected an object, found a list"),
            (usage(row: "7"), "data.rows[0]: expected an object, found a number"),
            (Array("[]".utf8), "the document: expected an object, found a list"),
            (Array("{}".utf8), "data: missing"),
            ([], "the response is empty, expected JSON"),
        ])
    func mismatch(body: [UInt8], expected: String) {
        #expect(Self.message(Usage.self, body) == expected)
    }

    @Test(
        "A number that its type cannot represent is reported by its path", arguments: ["12.5", "99999999999999999999"])
    func unrepresentable(number: String) {
        let message = Self.message(Usage.self, Self.usage(calls: number))
        #expect(message?.contains(number) == false)
        #expect(
            message?.contains("the response") == true || message?.hasPrefix("data.summary.calls") == true)
    }

    @Test(
        "Invalid JSON is a decode failure",
        arguments: ["{", "{\"data\":", "nonsense hunter2", "{\"data\":1 2}", "[1 2]", "\u{0}", "{'a':1}", "\"open"])
    func invalid(text: String) {
        let message = Self.message(Usage.self, Array(text.utf8))
        #expect(message?.contains("not valid JSON") == true)
        #expect(message?.contains("hunter2") == false)
    }

    @Test(
        "Invalid UTF-8 is a decode failure",
        arguments: [[0xFF], [0x22, 0xC3, 0x28, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(Self.message(String.self, bytes) != nil)
    }

    @Test("A million nested lists or objects are a decode failure, not a crash", arguments: ["[", #"{"a":"#])
    func depthBomb(opening: String) {
        struct Anything: Decodable {}
        let bomb = Array(String(repeating: opening, count: 1_000_000).utf8)
        #expect(Self.message(Anything.self, bomb)?.contains("nested too deeply") == true)
        #expect(Self.message([LenientDecimal].self, bomb)?.contains("nested too deeply") == true)
    }

    @Test("Untrusted keys are shortened to one line in messages")
    func hostileKeys() {
        let key = String(repeating: "k", count: 5000) + #"\n\u001b[31m"#
        let message = Self.message([String: Int].self, Array(#"{"\#(key)":"x"}"#.utf8))
        #expect((message?.count ?? .max) < 200)
        #expect(message?.contains("\u{1B}") == false)
    }

    @Test("Fifty thousand rows are decoded with the exact sum")
    func manyRows() throws {
        struct Row: Decodable {
            let id: LenientString, model: String, cost: LenientDecimal, credits: LenientDecimal, tokens: LenientInt
            let at: LenientTimestamp
        }
        let row = #"{"id":17,"model":"flux","cost":0.0452,"credits":"1.1","tokens":120,"at":"2026-02-13T10:30:00Z"}"#
        let body = Array(("[" + Array(repeating: row, count: 50_000).joined(separator: ",") + "]").utf8)
        let rows = try JSONBody.decode([Row].self, from: UpstreamResponse(status: 200, headers: [:], body: body))
        #expect(rows.count == 50_000)
        #expect(rows.reduce(ExactDecimal.zero) { $0 + $1.cost.value } == ExactDecimal(2260))
        #expect(rows.reduce(ExactDecimal.zero) { $0 + $1.credits.value } == ExactDecimal(55_000))
    }
}
