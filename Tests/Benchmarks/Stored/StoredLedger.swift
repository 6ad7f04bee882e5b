import ExporterCore
import Foundation
import UsageLedger
import UsageModel

/// A ledger as an exporter leaves it in its storage: a month of one WaveSpeedAI account with only successful syncs.
struct StoredLedger {
    /// Account name and provider; a config needs the same to serve the ledger.
    static let account = "media"
    static let provider = "wavespeed"
    /// The source of all cells.
    static let source = "usage_stats"

    let shape: LedgerShape
    let folder: String

    /// Writes the ledger to an empty directory.
    func write(now: Timestamp) async throws {
        let ledger = try await UsageLedger.open(folder: folder, families: .common, now: now)
        let source = try await Self.source(in: ledger, now: now)
        for daysAgo in (1...LedgerShape.days).reversed() {
            try await commit(shape.cells(daysAgo: daysAgo), on: now.day.advanced(by: -daysAgo), to: source, ledger, now)
        }
        try await commit([], on: now.day, to: source, ledger, now)
        _ = try await ledger.completeHistory(of: source.id, now: now)
        var status = SyncStatus()
        status.isUp = true
        status.since = now
        status.lastAttempt = now
        status.lastSuccess = now
        status.dataThrough = now
        status.results = ["success": 1]
        try await ledger.saveStatus(String(decoding: try JSONEncoder().encode(status), as: UTF8.self), of: source.id)
        try await ledger.close()
    }

    /// The account's source; registers it if missing.
    static func source(in ledger: UsageLedger, now: Timestamp) async throws -> LedgerSource {
        let start = now.day.advanced(by: -LedgerShape.days).start
        let account = try await ledger.registerAccount(
            Self.account, provider: provider, proposedStart: start, now: now)
        return try await ledger.registerSource(source, of: account.id)
    }

    private func commit(
        _ cells: [Cell], on day: UTCDay, to source: LedgerSource, _ ledger: UsageLedger, _ now: Timestamp
    ) async throws {
        var reading = Reading()
        reading.slices = [SliceReading(SliceID(period: day.period), cells: cells, readAt: now)]
        _ = try await ledger.commit(reading, to: source.id, now: now)
    }
}
