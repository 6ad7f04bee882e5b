import GRDB
import Testing
import UsageModel

@testable import UsageLedger

@Suite struct StoredDecimalTests {
    @Test("an invalid stored amount is an error, read from a cursor or a copied row")
    func invalidAmount() throws {
        try DatabaseQueue().read { db in
            for value in ["NULL", "1.5", "x'31'", "'x'", "''"] {
                let rows = try Row.fetchCursor(db, sql: "SELECT \(value)")
                let row = try #require(try rows.next())
                #expect(throws: LedgerError.unreadable("a stored amount is not a decimal number")) {
                    try row.decimal(0)
                }
                #expect(throws: LedgerError.unreadable("a stored amount is not a decimal number")) {
                    try row.copy().decimal(0)
                }
            }
        }
    }

    @Test(
        "stored amounts round-trip",
        arguments: ["0", "-3", "1700000000000000000", "0.00000000000000000001", "-4.52"])
    func roundTrip(text: String) throws {
        let amount = try #require(ExactDecimal(text))
        try DatabaseQueue().read { db in
            let rows = try Row.fetchCursor(db, sql: "SELECT ?", arguments: [amount.stored])
            #expect(try rows.next()?.decimal(0) == amount.storable)
        }
    }
}
