import TestSupport
import Testing
import UsageModel

@Suite struct ExactDecimalTests {
    @Test(arguments: [
        (1.9, 1), (-1.9, -1), (1e300, Int.max), (-1e300, Int.min), (.infinity, Int.max), (.nan, 0),
        (0x1p63, Int.max), (-0x1p63, Int.min),
    ])
    func wholePartOfAnyNumberIsAnInteger(number: Double, whole: Int) {
        #expect(Int(saturating: number) == whole)
    }

    @Test(arguments: [
        ("4.52", "4.52"), ("1300.000", "1300"), ("-0.000042", "-0.000042"), ("1.3e-7", "0.00000013"), ("12E2", "1200"),
        ("0.10", "0.1"), ("+7", "7"), ("1e-20", "0.00000000000000000001"),
        ("0.000000000000000000015", "0.00000000000000000002"),
        ("0.000000000000000000025", "0.00000000000000000002"), (".5", "0.5"), ("5.", "5"), ("-0", "0"),
        ("1700000000000000000", "1700000000000000000"), ("1e-300", "0"),
    ])
    func readsAndWritesDecimals(text: String, written: String) throws {
        #expect(try #require(ExactDecimal(text)).description == written)
    }

    @Test(arguments: ["", "-", "abc", "1,5", "1.2.3", "1e", "NaN", "Infinity", "1e300", "2e18", "0x10", "1 ", "١"])
    func rejectsInvalidAndTooLargeNumbers(text: String) {
        #expect(ExactDecimal(text) == nil)
    }

    @Test func addsWithoutDrift() throws {
        let tenth = try #require(ExactDecimal("0.1"))
        let sum = (0..<1_000_000).reduce(ExactDecimal.zero) { sum, _ in sum + tenth }
        #expect(sum.description == "100000")
    }

    @Test func textRoundTripsForRandomNumbers() throws {
        let random = SeededRandom(5)
        for _ in 0..<2000 {
            let whole = random.int(-1_000_000_000...1_000_000_000)
            let micros = ExactDecimal(micros: whole)
            #expect(try #require(ExactDecimal(micros.description)) == micros)
            #expect(micros.doubleValue == Double(whole) / 1e6)
        }
    }

    @Test func convertsToTheNearestDouble() throws {
        for text in ["0.1", "2423", "0.30000000000000004", "123456789.987654321", "1e17", "0.00000000000000000123"] {
            #expect(try #require(ExactDecimal(text)).doubleValue == Double(text))
        }
    }

    @Test func saturates() throws {
        let large = try #require(ExactDecimal("1700000000000000000"))
        #expect(large + large > large)
        #expect(-large - large < .zero)
        #expect(ExactDecimal(Int.max) + large > large)
    }
}
