import GRDB
import Testing
import UsageModel

@testable import UsageLedger

@Suite struct StoredDecimalTests {
    @Test("what is no amount in a damaged file is refused in words, read from a cursor as from a copied row")
    func whatIsNoAmountIsRefused() throws {
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
        "what was stored is read back",
        arguments: ["0", "-3", "1700000000000000000", "0.00000000000000000001", "-4.52"])
    func whatWasStoredIsReadBack(text: String) throws {
        let amount = try #require(ExactDecimal(text))
        try DatabaseQueue().read { db in
            let rows = try Row.fetchCursor(db, sql: "SELECT ?", arguments: [amount.stored])
            #expect(try rows.next()?.decimal(0) == amount.storable)
        }
    }
}
