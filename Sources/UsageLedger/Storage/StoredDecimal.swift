import GRDB
import UsageModel

extension ExactDecimal {
    /// The largest magnitude that is stored: whole, and inside the range that reads back.
    private static let limit = ExactDecimal(1_700_000_000_000_000_000)

    /// The number kept inside ±1.7 × 10¹⁸, so that what sums of absurd values saturate to can be read again.
    var storable: ExactDecimal { min(max(self, -Self.limit), Self.limit) }

    /// An INTEGER where the number is whole, else a TEXT in plain decimal: exact either way.
    var stored: DatabaseValue {
        let value = storable
        return value.wholeNumber?.databaseValue ?? value.description.databaseValue
    }

    /// Reads a number back.
    init(stored: DatabaseValue) throws {
        switch stored.storage {
        case .int64(let whole):
            self.init(Int(whole))
        case .string(let text):
            guard let value = ExactDecimal(text) else { throw Self.unreadable }
            self = value
        case .null, .double, .blob:
            throw Self.unreadable
        }
    }

    private static let unreadable = LedgerError.unreadable("a stored amount is not a decimal number")
}

extension Row {
    /// Reads an exact decimal.
    func decimal(_ column: Int) throws -> ExactDecimal {
        // NULL, which only a damaged file has here, is read as nil: GRDB ends the process where it is not asked for.
        let stored: StoredValue? = self[column]
        return try ExactDecimal(stored: stored?.databaseValue ?? .null)
    }

    /// Reads a moment.
    func timestamp(_ column: Int) -> Timestamp { Timestamp(milliseconds: self[column]) }
}

/// What a column holds, whatever that is but NULL, read as GRDB reads its numbers and texts. A `DatabaseValue` itself is read by
/// generic code that looks types up for each value, which costs more than the value.
private struct StoredValue: DatabaseValueConvertible, StatementColumnConvertible {
    let databaseValue: DatabaseValue

    init?(sqliteStatement: SQLiteStatement, index: CInt) {
        databaseValue = DatabaseValue(sqliteStatement: sqliteStatement, index: index)
    }

    private init(_ databaseValue: DatabaseValue) {
        self.databaseValue = databaseValue
    }

    static func fromDatabaseValue(_ value: DatabaseValue) -> StoredValue? { StoredValue(value) }
}
