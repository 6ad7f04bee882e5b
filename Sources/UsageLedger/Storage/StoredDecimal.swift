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
    func decimal(_ column: Int) throws -> ExactDecimal { try ExactDecimal(stored: self[column]) }

    /// Reads a moment.
    func timestamp(_ column: Int) -> Timestamp { Timestamp(milliseconds: self[column]) }
}
