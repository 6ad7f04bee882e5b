import GRDB
import UsageModel

extension ExactDecimal {
    /// The largest stored magnitude: whole, and within the range that can be parsed.
    private static let limit = ExactDecimal(1_700_000_000_000_000_000)

    /// The number clamped to ±1.7 × 10¹⁸, so that saturated sums can be read again.
    var storable: ExactDecimal { min(max(self, -Self.limit), Self.limit) }

    /// An INTEGER if the number is whole, else a decimal TEXT; both are exact.
    var stored: DatabaseValue {
        let value = storable
        return value.wholeNumber?.databaseValue ?? value.description.databaseValue
    }

    /// Reads a stored number.
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
    func decimal(_ column: Int) throws -> ExactDecimal {
        // NULL occurs only in a damaged file. It is read as an optional because GRDB traps otherwise.
        let stored: StoredValue? = self[column]
        return try ExactDecimal(stored: stored?.databaseValue ?? .null)
    }

    func timestamp(_ column: Int) -> Timestamp { Timestamp(milliseconds: self[column]) }
}

/// A column value other than NULL, read by GRDB's fast path for numbers and text. GRDB reads a `DatabaseValue` itself
/// by generic code with a type lookup for each value, which costs more than the read.
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
