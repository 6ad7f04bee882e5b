import GRDB

/// The database schema. Times are milliseconds since the Unix epoch, days are days since 1970-01-01.
///
/// Exact decimals are `ANY` columns of `STRICT` tables: SQLite stores their INTEGER or TEXT unchanged and never converts
/// them to REAL.
enum LedgerSchema {
    /// "GUXL" in the file's header, which identifies a ledger.
    static let applicationID = 0x4755_584C

    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") { try $0.execute(sql: v1) }
        migrator.registerMigration("quota book") { try $0.execute(sql: quotaBook) }
        migrator.registerMigration("kept cells") { try $0.execute(sql: keptCells) }
        migrator.registerMigration("quota book and wrong clocks") { try $0.execute(sql: quotaClocks) }
        return migrator
    }()

    /// A table whose rows belong to an account.
    struct AccountTable {
        let name: String
        /// The tables that columns refer to, by column.
        let references: [String: String]
        let hasID: Bool

        /// A condition on the rows whose account fulfils a condition.
        func belongsToAccount(_ condition: String) -> String {
            let accounts = "SELECT id FROM account WHERE \(condition)"
            let sources = "SELECT id FROM source WHERE account IN (\(accounts))"
            if name == "account" { return condition }
            if references["account"] != nil { return "account IN (\(accounts))" }
            if references["source"] != nil { return "source IN (\(sources))" }
            return "series IN (SELECT id FROM series WHERE account IN (\(accounts)))"
        }
    }

    /// The tables with rows of accounts, each after those that it refers to.
    static let accountTables = [
        AccountTable(name: "account", references: [:], hasID: true),
        AccountTable(name: "source", references: ["account": "account"], hasID: true),
        AccountTable(name: "slice", references: ["source": "source"], hasID: true),
        AccountTable(name: "series", references: ["account": "account", "source": "source"], hasID: true),
        AccountTable(name: "cell", references: ["slice": "slice", "series": "series"], hasID: false),
        AccountTable(name: "day_total", references: ["series": "series"], hasID: false),
        AccountTable(name: "gauge", references: ["source": "source"], hasID: false),
        AccountTable(name: "memory", references: ["source": "source"], hasID: false),
        AccountTable(name: "quota_request", references: ["source": "source"], hasID: true),
    ]

    /// The setting with the salt of hashed labels.
    static let saltSetting = "label_salt"

    /// The setting that marks a demo's ledger.
    static let simulatedSetting = "simulated"

    /// The setting with the configured start of an account's ledger.
    static func startSetting(of account: Int64) -> String { "beginning \(account)" }

    /// Throws unless the database is a ledger with a schema that this version knows.
    static func check(_ db: Database, path: String) throws {
        try checkOwner(db, path: path)
        try checkVersion(db, path: path)
    }

    /// Throws unless the database's header identifies a ledger.
    static func checkOwner(_ db: Database, path: String) throws {
        guard try Int.fetchOne(db, sql: "PRAGMA application_id") == applicationID else {
            throw LedgerError.foreignDatabase(path: path)
        }
    }

    /// Throws unless this version knows the ledger's schema.
    static func checkVersion(_ db: Database, path: String) throws {
        guard try !migrator.hasBeenSuperseded(db) else { throw LedgerError.newerSchema(path: path) }
    }

    private static let v1 = """
        CREATE TABLE account (
          id INTEGER PRIMARY KEY,
          name TEXT NOT NULL,
          provider TEXT NOT NULL,
          ledger_start INTEGER NOT NULL,
          created_at INTEGER NOT NULL,
          -- How many of its series are served: the rank of the newest.
          served_series INTEGER NOT NULL DEFAULT 0,
          UNIQUE (name, provider)
        ) STRICT;

        CREATE TABLE source (
          id INTEGER PRIMARY KEY,
          account INTEGER NOT NULL REFERENCES account (id),
          name TEXT NOT NULL,
          ledger_start INTEGER NOT NULL,
          is_history_complete INTEGER NOT NULL DEFAULT 0,
          -- Retention forgot the states of the slices that end up to here: they count as settled.
          forgotten_before INTEGER,
          status TEXT,
          UNIQUE (account, name)
        ) STRICT;

        CREATE TABLE slice (
          id INTEGER PRIMARY KEY,
          source INTEGER NOT NULL REFERENCES source (id),
          scope TEXT NOT NULL,
          period_start INTEGER NOT NULL,
          period_end INTEGER NOT NULL,
          last_read INTEGER NOT NULL,
          is_settled INTEGER NOT NULL,
          -- The day that its last reading's growth belongs to: for cells that wait for their source's history.
          growth_day INTEGER NOT NULL,
          UNIQUE (source, scope, period_start, period_end)
        ) STRICT;

        CREATE TABLE series (
          id INTEGER PRIMARY KEY,
          account INTEGER NOT NULL REFERENCES account (id),
          family TEXT NOT NULL,
          labels TEXT NOT NULL,
          -- The source that first named it.
          source INTEGER NOT NULL REFERENCES source (id),
          -- The sum of all its folded cells since the ledger start, and the highest that sum ever was.
          total ANY NOT NULL,
          peak ANY NOT NULL,
          started_at INTEGER NOT NULL,
          born_at INTEGER,
          -- 0 while only staged cells name it.
          is_served INTEGER NOT NULL,
          -- Its place among the account's series in the order in which they were first served.
          rank INTEGER NOT NULL DEFAULT 0,
          UNIQUE (account, family, labels)
        ) STRICT;
        -- An account's series in the order of their ids, without sorting them and without the way over their labels.
        CREATE INDEX series_by_account ON series (account);

        CREATE TABLE cell (
          slice INTEGER NOT NULL REFERENCES slice (id),
          series INTEGER NOT NULL REFERENCES series (id),
          value ANY NOT NULL,
          PRIMARY KEY (slice, series)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE day_total (
          series INTEGER NOT NULL REFERENCES series (id),
          day INTEGER NOT NULL,
          value ANY NOT NULL,
          PRIMARY KEY (series, day)
        ) STRICT, WITHOUT ROWID;
        -- Retention deletes by day; without this it would read every row.
        CREATE INDEX day_total_by_day ON day_total (day);

        CREATE TABLE gauge (
          source INTEGER NOT NULL REFERENCES source (id),
          family TEXT NOT NULL,
          samples TEXT NOT NULL,
          PRIMARY KEY (source, family)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE memory (
          source INTEGER NOT NULL REFERENCES source (id),
          name TEXT NOT NULL,
          value TEXT NOT NULL,
          PRIMARY KEY (source, name)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE setting (
          name TEXT PRIMARY KEY,
          value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE exporter_counter (
          name TEXT PRIMARY KEY,
          value INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// Cells are retained as long as the provider's data, so that a slice can be read again. Slices settled by an earlier
    /// version have none.
    private static let keptCells = """
        -- 1 where the slice's cells are in the sums alone: a further reading of it would count it twice.
        ALTER TABLE slice RENAME COLUMN is_settled TO is_folded;
        UPDATE slice SET is_folded = 0 WHERE source IN (SELECT id FROM source WHERE is_history_complete = 0);

        -- 1 once the series was served with its value: it is never held at 0 again.
        ALTER TABLE series ADD COLUMN is_released INTEGER NOT NULL DEFAULT 0;
        UPDATE series SET is_released = is_served;
        -- What of the counter is served under the other labels: under the folded ones while the series has labels of its
        -- own, under its own ones while it is folded.
        ALTER TABLE series ADD COLUMN elsewhere ANY NOT NULL DEFAULT 0;

        -- The series limit that `elsewhere` goes by, and how many series were ever past a limit.
        ALTER TABLE account ADD COLUMN series_limit INTEGER;
        ALTER TABLE account ADD COLUMN overflowed INTEGER NOT NULL DEFAULT 0;
        -- 0 while no source has completed its history: the ledger's start may then still move.
        ALTER TABLE account ADD COLUMN is_start_fixed INTEGER NOT NULL DEFAULT 0;
        UPDATE account SET is_start_fixed =
          EXISTS (SELECT 1 FROM source WHERE source.account = account.id AND is_history_complete = 1);
        -- Sums of the days before this one were deleted by retention.
        ALTER TABLE account ADD COLUMN pruned_before INTEGER;
        UPDATE account SET pruned_before =
          (SELECT (max(forgotten_before) + 86399999) / 86400000 FROM source WHERE source.account = account.id);
        """

    /// Requests to endpoints with a quota. Two may have the same timestamp.
    private static let quotaBook = """
        CREATE TABLE quota_request (
          id INTEGER PRIMARY KEY,
          source INTEGER NOT NULL REFERENCES source (id),
          at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX quota_request_by_source ON quota_request (source, at);
        """

    private static let quotaClocks = """
        -- For a request dated after the present: when that was first seen.
        ALTER TABLE quota_request ADD COLUMN counts_from INTEGER;
        """
}
