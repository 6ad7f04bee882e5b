import ExporterTestSupport
import NIOConcurrencyHelpers
import Testing
import TestSupport
import UsageLedger
import UsageModel

@testable import ExporterCore

/// Tests that a FOCUS file has exactly the ledger's money.
@Suite struct FocusExportTests {
    private static let start = UTCDay(daysSinceEpoch: 20_700)  // 2026-09-04
    private static let days = start...start.advanced(by: 89)

    /// A ledger of one account, written to by a test.
    private struct Storage {
        let folder: String
        let ledger: UsageLedger
        let account: LedgerAccount
        let source: LedgerSource

        func commit(
            _ cells: [Cell], on day: UTCDay, attribution: SliceReading.Attribution = .periodStart
        ) async throws {
            var reading = Reading()
            let readAt = day.start + .hours(20)
            reading.slices = [
                SliceReading(SliceID(period: day.period), cells: cells, readAt: readAt, attribution: attribution)
            ]
            _ = try await ledger.commit(reading, to: source.id, now: readAt)
        }

        func write(
            _ days: ClosedRange<UTCDay> = FocusExportTests.days, _ configuration: ExporterConfiguration? = nil,
            version: FocusVersion = .v12
        ) async throws -> (table: CSVTable, summary: FocusExport.Summary) {
            let text = NIOLockedValueBox<[UInt8]>([])
            let summary = try await FocusExport(days: days, version: version, configuration: configuration).run(
                folder: folder, write: { chunk in text.withLockedValue { $0 += chunk } }, progress: { _ in })
            let table = try CSVTable(String(decoding: text.withLockedValue { $0 }, as: UTF8.self))
            #expect(table.rows.count == summary.rows)
            return (table, summary)
        }
    }

    private func run(_ body: (Storage) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let now = Self.start.start
            let ledger = try await UsageLedger.open(folder: folder, families: .common, now: now)
            let account = try await ledger.registerAccount(
                "stack", provider: "fairstack", proposedStart: now, now: now)
            let source = try await ledger.registerSource("usage", of: account.id)
            _ = try await ledger.completeHistory(of: source.id, now: now)
            try await body(Storage(folder: folder, ledger: ledger, account: account, source: source))
            try await ledger.close()
        }
    }

    private func configuration(_ adjust: (inout ExporterConfiguration) -> Void) -> ExporterConfiguration {
        var configuration = ExporterConfiguration(
            accounts: [AccountConfiguration(name: "stack", provider: .fairstack, credential: .literal("test"))])
        adjust(&configuration)
        return configuration
    }

    private func amount(_ text: String?) throws -> ExactDecimal { try #require(text.flatMap { ExactDecimal($0) }) }

    private func usd(_ text: String, _ key: String = "web", _ model: String = "m") throws -> Cell {
        Cell(.cost, [key, model], try amount(text))
    }

    /// The sum of a column by month.
    private func byMonth(_ table: CSVTable, _ column: String) throws -> [String: ExactDecimal] {
        try table.rows.reduce(into: [:]) { sums, row in
            sums[row["BillingPeriodStart", default: ""], default: .zero] += try amount(row[column])
        }
    }

    @Test(
        "after late and revised days the sum of BilledCost of a month is the ledger's window to the last digit",
        arguments: [1, 2, 3, 4] as [UInt64])
    func monthsEqualWindows(seed: UInt64) async throws {
        let random = SeededRandom(seed)
        try await run { storage in
            var cells: [UTCDay: [Cell]] = [:]
            for _ in 0..<300 {
                let day = Self.start.advanced(by: random.int(0...89))
                if random.int(0...9) == 0 {
                    cells[day] = []
                } else {
                    let cost = ExactDecimal(micros: random.int(1...9_000_000)) * random.int(1...7)
                    let tiny = try amount("0.000000000000000000\(random.int(10...99))")
                    let (key, model) = (["", "web", "ci"][random.int(0...2)], "m\(random.int(0...5))")
                    cells[day, default: []].append(Cell(.cost, [key, model], cost + tiny))
                    cells[day, default: []] += [
                        Cell(.keyCost, [key], cost), Cell(.topups, [], cost), Cell(.refunds, [], tiny),
                        Cell(.credits, [key, model, "diem"], cost), Cell(.requests, [key, model], ExactDecimal(1)),
                        Cell(.creditsRefunded, [model, "diem"], tiny), Cell(.estimatedCost, [key, model], cost),
                    ]
                }
                // A change of an old day counts on the day of its reading if the provider gives no dates.
                let attribution: SliceReading.Attribution =
                    day.daysSinceEpoch % 5 == 0 ? .day(day.advanced(by: random.int(0...9))) : .periodStart
                try await storage.commit(cells[day] ?? [], on: day, attribution: attribution)
            }
            let series = try await storage.ledger.series(of: storage.account.id)
            let cost = Set(series.filter { $0.family == .cost }.map(\.id))
            #expect(series.contains { $0.family == .corrections && $0.sum > .zero })
            let written = try await storage.write(Self.start...Self.start.advanced(by: 119))
            let sums = try byMonth(written.table, "BilledCost")
            #expect(sums.count >= 3)
            for month in 0..<4 {
                let first = Self.start.startOfMonth.advanced(by: 31 * month).startOfMonth
                let span = first...first.advanced(by: 32).startOfMonth.advanced(by: -1)
                let windows = try await storage.ledger.windowSums(
                    of: storage.account.id, series: nil, spans: [span])
                let expected = windows.filter { cost.contains($0.key) }.reduce(ExactDecimal.zero) { $0 + $1.value[0] }
                #expect(sums["\(first)T00:00:00Z", default: .zero] == expected, "\(first)")
            }
            #expect(try byMonth(written.table, "EffectiveCost") == sums)
            let names = written.table.rows.map { row in
                ["ChargePeriodStart", "SubAccountId", "ResourceId", "ChargeCategory", "PricingCurrency"].map { row[$0] }
            }
            #expect(Set(names).count == names.count, "one row per day, key, model and charge")
        }
    }

    @Test("an amount taken back within its month has no class, one of an earlier month is a correction")
    func corrections() async throws {
        try await run { storage in
            let month = Self.start.advanced(by: 35).startOfMonth
            try await storage.commit([usd("10")], on: month.advanced(by: -2))
            try await storage.commit([usd("4")], on: month)
            try await storage.commit([usd("-3")], on: month.advanced(by: 1))
            try await storage.commit([usd("-3")], on: month.advanced(by: 2))
            let rows = try await storage.write().table.rows
            #expect(rows.map { $0["BilledCost"] } == ["10", "4", "-3", "-3"])
            #expect(rows.map { $0["ChargeClass"] } == ["", "", "", "Correction"])
            // The month before the first requested day decides too.
            let last = try await storage.write(month.advanced(by: 2)...month.advanced(by: 2)).table.rows
            #expect(last.map { $0["ChargeClass"] } == ["Correction"])
        }
    }

    @Test("a day that was taken back completely has no row, and only the requested days have")
    func days() async throws {
        try await run { storage in
            for day in 0..<4 { try await storage.commit([usd("1")], on: Self.start.advanced(by: day)) }
            try await storage.commit([], on: Self.start.advanced(by: 1))
            let written = try await storage.write(Self.start.advanced(by: -1)...Self.start.advanced(by: 2))
            let days = written.table.rows.map { $0["ChargePeriodStart"] }
            #expect(days == ["2026-09-04T00:00:00Z", "2026-09-06T00:00:00Z"])
            #expect(written.summary.lateStarts.map(\.account) == ["stack"])
            #expect(written.summary.lateStarts.map(\.day) == [Self.start])
            #expect(try await storage.write().summary.lateStarts.isEmpty)
            _ = try await storage.ledger.pruneDays(before: Self.start.advanced(by: 2))
            #expect(try await storage.write().summary.lateStarts.map(\.day) == [Self.start.advanced(by: 2)])
        }
    }

    @Test("rows have the config's labels and owners, are merged by them, and are never folded")
    func labels() async throws {
        try await run { storage in
            let cells = [
                try usd("1", "a@example.com", "m"), try usd("2", "b@example.com", "m"), try usd("4", "c", "n"),
                try usd("8", "", ""), Cell(.topups, [], ExactDecimal(100)),
            ]
            try await storage.commit(cells, on: Self.start)
            let configuration = configuration {
                $0.accounts[0].seriesLimit = 1
                $0.accounts[0].labels.hashKeys = true
                $0.accounts[0].labels.rename = ["key": ["a@example.com": "team", "b@example.com": "team"]]
                $0.owners = Owners([
                    Owners.Claim(Owner(name: "all"), accounts: ["stack"]),
                    Owners.Claim(Owner(name: "team", costCenter: "7"), keys: NamePattern("*@example.com")),
                    Owners.Claim(Owner(name: "c"), keys: NamePattern("c")),
                ])
            }
            let rows = try await storage.write(Self.days, configuration).table.rows
            #expect(rows.map { $0["BilledCost"] } == ["3", "4", "8", "0"])
            #expect(rows.map { $0["ResourceId"] } == ["m", "n", "", ""])
            #expect(
                rows.map { $0["Tags"] } == [
                    #"{"cost_center":"7","owner":"team"}"#, #"{"owner":"c"}"#, #"{"owner":"all"}"#,
                    #"{"owner":"all"}"#,
                ])
            let keys = rows.map { $0["SubAccountId", default: ""] }
            #expect(keys[0] == "team" && keys[1].hasPrefix("h:") && keys[2].isEmpty)
            #expect(!"\(rows)".contains("example.com"))
        }
    }

    @Test("accounts that are not configured have no rows; without a config every account has")
    func accounts() async throws {
        try await run { storage in
            try await storage.commit([usd("1")], on: Self.start)
            let other = configuration { $0.accounts[0].name = "other" }
            let written = try await storage.write(Self.days, other)
            #expect(written.summary.rows == 0 && written.summary.lateStarts.isEmpty)
            #expect(written.table.columns == FocusVersion.v12.columns.map(\.rawValue))
            #expect(try await storage.write(version: .v14).table.columns == FocusVersion.v14.columns.map(\.rawValue))
            #expect(try await storage.write().summary.rows == 1)
        }
    }
}
