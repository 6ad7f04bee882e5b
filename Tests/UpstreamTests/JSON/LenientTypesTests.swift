import Testing
import Upstream
import UsageModel

private struct Document<Wrapped: Decodable>: Decodable { let v: Wrapped }

/// Decodes the value in `{"v": …}`.
private func read<Wrapper: Decodable, Value>(
    _ json: String, as type: Wrapper.Type, _ value: (Wrapper) -> Value
) -> Result<Value, SourceFailure> {
    let response = UpstreamResponse(status: 200, headers: [:], body: Array(#"{"v":\#(json)}"#.utf8))
    do {
        return .success(value(try JSONBody.decode(Document<Wrapper>.self, from: response).v))
    } catch let failure as SourceFailure {
        return .failure(failure)
    } catch {
        return .failure(SourceFailure(.storage, "unexpected: \(error)"))
    }
}

extension Result where Failure == SourceFailure {
    fileprivate var value: Success? { try? get() }
    fileprivate var message: String? { if case .failure(let failure) = self { failure.message } else { nil } }
}

@Suite struct LenientTypesTests {
    @Test(
        "Decimals are exact, as numbers and as strings",
        arguments: [
            ("4.52", "4.52"), ("0.1", "0.1"), (#""0.000000123""#, "0.000000123"), ("1.3e-7", "0.00000013"),
            ("-12.5", "-12.5"), (#"" 7 ""#, "7"), ("0", "0"),
            ("123456789.123456789123456789", "123456789.123456789123456789"),
            ("1E3", "1000"), (#""-0.1""#, "-0.1"), ("900719925474099.3", "900719925474099.3"),
            ("1000000000000000", "1000000000000000"),
        ])
    func decimal(json: String, expected: String) {
        #expect(read(json, as: LenientDecimal.self, \.value.description).value == expected)
    }

    @Test("A JSON number and the same number as a string are equal, with any number of digits")
    func numberEqualsText() {
        var random = SystemRandomNumberGenerator()
        let edges = [
            "-0", "-0.0", "0e30", "1e-20", "-1e-20", "1e-21", "5e-21", "0.00000000000000000001", "999999999999999.9999",
            "184467440737095.51615", "184467440737095.51616", "1844674407.3709551616", "-99999.99999999999999999999",
            "123456.123456789012345678901234", "1000000000000000.0", "1e15", "-1e15", "0.1e16",
        ]
        let drawn = (0..<2000).map { _ in
            let digits = String(UInt64.random(in: 0...(.max), using: &random))
            let exponent = Int.random(in: 5...30, using: &random)
            return "\(Bool.random(using: &random) ? "-" : "")\(digits)e-\(exponent)"
        }
        for number in edges + drawn {
            let value = read(number, as: LenientDecimal.self, \.value).value
            #expect(value != nil, "\(number)")
            #expect(value == read("\"\(number)\"", as: LenientDecimal.self, \.value).value, "\(number)")
        }
    }

    @Test(
        "Other values are reported by their kind, never by the value",
        arguments: [
            ("\"NaN\"", "non-numeric text"), ("\"Infinity\"", "non-numeric text"),
            ("\"\"", "non-numeric text"),
            ("\"hunter2\"", "non-numeric text"), ("1e400", "a number out of range"),
            ("1e-400", "a number out of range"), ("1e19", "a number out of range"),
            ("1000000000000001", "a number out of range"), ("\"1e16\"", "a number out of range"),
            ("-1e30", "a number out of range"), ("true", "true or false"), ("null", "null"), ("[1]", "a list"),
            (#"{"a":1}"#, "an object"),
            ("\"1e999999999999\"", "a number out of range"), ("\"1e300\"", "a number out of range"),
            ("\"0x1p3\"", "non-numeric text"),
        ])
    func noDecimal(json: String, found: String) {
        #expect(read(json, as: LenientDecimal.self, \.value).message == "v: expected a number, found \(found)")
    }

    @Test(
        "Whole numbers are decoded from every notation",
        arguments: [
            ("12", 12), (#""12""#, 12), ("12.0", 12), (#""12.0""#, 12), ("1e3", 1000), ("-4", -4),
            ("1000000000000000", 1_000_000_000_000_000), (#""-1000000000000000""#, -1_000_000_000_000_000),
        ])
    func int(json: String, expected: Int) {
        #expect(read(json, as: LenientInt.self, \.value).value == expected)
    }

    @Test(
        "Other values than whole numbers are rejected",
        arguments: [
            ("12.5", "a number with a fraction"), (#""12.5""#, "a number with a fraction"),
            ("9223372036854775808", "a number out of range"), ("1e400", "a number out of range"),
            ("\"x\"", "non-numeric text"), ("false", "true or false"), ("null", "null"),
        ])
    func noInt(json: String, found: String) {
        #expect(read(json, as: LenientInt.self, \.value).message == "v: expected a whole number, found \(found)")
    }

    @Test(
        "Text is decoded from strings and numbers",
        arguments: [
            ("\"a\"", "a"), ("\"\"", ""), ("7", "7"), ("12.50", "12.5"), ("9007199254740993", "9007199254740993"),
        ])
    func string(json: String, expected: String) {
        #expect(read(json, as: LenientString.self, \.value).value == expected)
    }

    @Test("Other values than text and numbers are rejected", arguments: ["true", "null", "[]", "{}"])
    func noString(json: String) {
        #expect(
            read(json, as: LenientString.self, \.value).message?.hasPrefix("v: expected text or a number, found")
                == true)
    }

    @Test(
        "Timestamps are decoded from text, dates, seconds and milliseconds",
        arguments: [
            ("\"2026-02-13T10:30:00Z\"", "2026-02-13T10:30:00Z"), ("\"2026-02-13\"", "2026-02-13T00:00:00Z"),
            ("\"2026-02-13T10:30:00.123456+02:00\"", "2026-02-13T08:30:00.123Z"),
            ("1770978600", "2026-02-13T10:30:00Z"), ("1770978600000", "2026-02-13T10:30:00Z"),
            ("1770978600.5", "2026-02-13T10:30:00.500Z"), ("\"1770978600\"", "2026-02-13T10:30:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ])
    func timestamp(json: String, expected: String) {
        #expect(read(json, as: LenientTimestamp.self, \.value.description).value == expected)
    }

    @Test(
        "Other values than timestamps are rejected",
        arguments: ["\"\"", "\"tomorrow\"", "\"2026-02-30\"", "-1", "1770978600000000", "1e400", "true", "null", "[]"])
    func noTimestamp(json: String) {
        let message = read(json, as: LenientTimestamp.self, \.value).message
        #expect(message?.hasPrefix("v: expected a date and time") == true)
    }

    @Test("A list may be missing or null, but its elements must be valid")
    func array() throws {
        struct Document: Decodable { let rows: LenientArray<LenientInt> }
        func rows(_ json: String) throws -> [Int] {
            let response = UpstreamResponse(status: 200, headers: [:], body: Array(json.utf8))
            return try JSONBody.decode(Document.self, from: response).rows.values.map(\.value)
        }
        #expect(try rows(#"{"rows":[1,"2"]}"#) == [1, 2])
        #expect(try rows(#"{"rows":null}"#) == [])
        #expect(try rows("{}") == [])
        let failure = #expect(throws: SourceFailure.self) { try rows(#"{"rows":[1,2.5]}"#) }
        #expect(failure?.message == "rows[1]: expected a whole number, found a number with a fraction")
        #expect(throws: SourceFailure.self) { try rows(#"{"rows":{}}"#) }
    }

    @Test("An optional number may be null or missing")
    func optional() throws {
        struct Document: Decodable { let a: LenientDecimal?, b: LenientInt? }
        let response = UpstreamResponse(status: 200, headers: [:], body: Array(#"{"a":null}"#.utf8))
        let document = try JSONBody.decode(Document.self, from: response)
        #expect(document.a == nil)
        #expect(document.b == nil)
    }
}
