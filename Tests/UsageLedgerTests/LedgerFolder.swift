import Foundation
import UsageLedger
import UsageModel

/// A temporary folder, removed with the value.
final class LedgerFolder: Sendable {
    let path = NSTemporaryDirectory() + "usage-ledger-" + UUID().uuidString

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var database: String { path + "/ledger.sqlite" }

    func open(_ origin: LedgerOrigin = .billed, now: Timestamp = .noon) async throws -> UsageLedger {
        try await UsageLedger.open(folder: path, origin: origin, families: .common, now: now)
    }

    var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

/// A fixture with an open ledger, one account and one source, whose history is complete by default.
struct LedgerBench {
    let folder = LedgerFolder()
    let ledger: UsageLedger
    let account: LedgerAccount
    let source: LedgerSource

    init(historyComplete: Bool = true) async throws {
        ledger = try await folder.open()
        account = try await ledger.registerAccount(
            "media", provider: "wavespeed", proposedStart: Timestamp.start, now: .noon)
        source = try await ledger.registerSource("usage", of: account.id)
        if historyComplete { _ = try await ledger.completeHistory(of: source.id, now: .noon) }
    }

    func secondSource(historyComplete: Bool = true) async throws -> LedgerSource {
        let source = try await ledger.registerSource("more", of: account.id)
        if historyComplete { _ = try await ledger.completeHistory(of: source.id, now: .noon) }
        return source
    }

    /// Commits the cells of one day, by default read at noon of that day.
    @discardableResult
    func commit(
        _ cells: [Cell], day: Int = 0, readAt: Timestamp? = nil, attribution: SliceReading.Attribution = .periodStart,
        scope: String = "", to source: LedgerSource? = nil
    ) async throws -> LedgerChange {
        let readAt = readAt ?? Timestamp.noon + .days(day)
        var reading = Reading()
        reading.slices = [SliceReading(.day(day, scope: scope), cells: cells, readAt: readAt, attribution: attribution)]
        return try await ledger.commit(reading, to: (source ?? self.source).id, now: readAt)
    }

    func totals() async throws -> [String: SeriesTotal] { try await ledger.series(of: account.id).named }

    /// Returns the sums of the account's series over a span of days, counted from the first.
    func sums(_ days: ClosedRange<Int>) async throws -> [String: ExactDecimal] {
        let span = UTCDay.first.advanced(by: days.lowerBound)...UTCDay.first.advanced(by: days.upperBound)
        let names = Dictionary(uniqueKeysWithValues: try await totals().map { ($1.id, $0) })
        let sums = try await ledger.windowSums(of: account.id, series: nil, spans: [span])
        return Dictionary(uniqueKeysWithValues: sums.map { (names[$0] ?? "unserved", $1[0]) })
    }
}

extension [SeriesTotal] {
    /// The series by family and labels: `genai_cost_usd_total{a,m}`.
    var named: [String: SeriesTotal] { Dictionary(uniqueKeysWithValues: map { ($0.name, $0) }) }
}

extension SeriesTotal {
    var name: String { family.name + "{" + labels.joined(separator: ",") + "}" }
}

extension UTCDay {
    static let first = UTCDay(daysSinceEpoch: 20_000)
}

extension Timestamp {
    static let start = UTCDay.first.start
    static let noon = UTCDay.first.start + .hours(12)
}

extension SliceID {
    /// Returns the slice of a UTC day, counted from the first.
    static func day(_ number: Int, scope: String = "") -> SliceID {
        SliceID(scope: scope, period: UTCDay.first.advanced(by: number).period)
    }
}

extension ExactDecimal: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int) { self.init(value) }
}

/// Returns the name of a cost series.
func cost(_ model: String) -> String { "genai_cost_usd_total{key,\(model)}" }

/// Creates a cost cell with an amount as text.
func spent(_ model: String, _ usd: String) -> Cell {
    Cell(.cost, ["key", model], ExactDecimal(usd) ?? .zero)
}

let corrections = "genai_corrections_usd_total{}"
let reconciliation = "genai_reconciliation_difference_usd{}"
