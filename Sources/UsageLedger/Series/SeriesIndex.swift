import GRDB
import UsageModel

/// Finds an account's series by their labels, and inserts new ones.
struct SeriesIndex {
    private let account: AccountID
    private let source: SourceID
    private let startedAt: Timestamp
    private let db: Database
    private let find: Statement
    private let enter: Statement
    private var known: [SeriesKey: Int64] = [:]

    /// Creates the index for the account of a source.
    init(of source: SourceRow, _ db: Database) throws {
        account = source.account
        self.source = source.id
        startedAt = source.ledgerStart
        self.db = db
        find = try db.cachedStatement(sql: "SELECT id FROM series WHERE account = ? AND family = ? AND labels = ?")
        enter = try db.cachedStatement(
            sql: """
                INSERT INTO series (account, family, labels, source, total, peak, started_at, is_served)
                VALUES (?, ?, ?, ?, 0, 0, ?, 0)
                """)
    }

    /// Returns the series' row. A new series is zero and is not served before its first update.
    mutating func row(of key: SeriesKey) throws -> Int64 {
        if let row = known[key] { return row }
        let row: Int64
        if let found = try Int64.fetchOne(find, arguments: [account.row, key.family.name, key.labels]) {
            row = found
        } else {
            try enter.execute(
                arguments: [account.row, key.family.name, key.labels, source.row, startedAt.milliseconds])
            row = db.lastInsertedRowID
        }
        known[key] = row
        return row
    }
}

/// The key of a series within its account: its family and its label values as one text.
///
/// Two keys are equal if their bytes are, as in the database and in Prometheus. Swift's own string equality compares by
/// canonical equivalence.
struct SeriesKey: Hashable {
    let family: LedgerFamily
    /// Label values joined by U+001F.
    let labels: String

    private static let separator: UInt8 = 0x1F

    init(_ family: LedgerFamily, labels: [String]) {
        self.family = family
        self.labels = labels.map(Self.cleaned).joined(separator: "\u{1F}")
    }

    /// Creates the key of a stored series.
    init(_ family: LedgerFamily, stored labels: String) {
        self.family = family
        self.labels = labels
    }

    /// The label values, one for each label name of the family.
    var labelValues: [String] {
        guard !family.labelNames.isEmpty else { return [] }
        var values: [String] = []
        values.reserveCapacity(family.labelNames.count)
        var labels = labels
        // A single pass over the bytes, because a start reads the key of each stored series.
        labels.withUTF8 { bytes in
            var start = 0
            for end in bytes.indices where bytes[end] == Self.separator {
                values.append(String(decoding: bytes[start..<end], as: UTF8.self))
                start = end + 1
            }
            values.append(String(decoding: bytes[start...], as: UTF8.self))
        }
        return values
    }

    static func == (left: SeriesKey, right: SeriesKey) -> Bool {
        left.family == right.family && left.labels.utf8.elementsEqual(right.labels.utf8)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(family)
        var labels = labels
        labels.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Replaces the separator, and NUL, at which SQLite's C interface would truncate the text.
    private static func cleaned(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == separator || $0 == 0 }) else { return value }
        return String(
            String.UnicodeScalarView(
                value.unicodeScalars.map { $0 == "\u{1F}" || $0 == "\u{0}" ? "\u{FFFD}" : $0 }))
    }
}
