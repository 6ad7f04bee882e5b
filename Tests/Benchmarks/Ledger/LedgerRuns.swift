import ArgumentParser
import ExporterCore
import Foundation
import UsageLedger
import UsageModel

/// One round: commits of one changed cell to a stored ledger.
struct CommitRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "commit-run", shouldDisplay: false)

    /// Cells of the day that a sync reads again; each commit changes another one of them.
    static let cells = 100

    @Option(help: "Number of series of the stored ledger.")
    var series: Int

    @Option(help: "The stored ledger; it is modified.")
    var folder: String

    @Option(help: "Number of measured commits.")
    var commits = 200

    func run() async throws {
        let clock = SystemClock()
        let shape = LedgerShape(series: series)
        let ledger = try await UsageLedger.open(folder: folder, families: .common, now: clock.now)
        let source = try await StoredLedger.source(in: ledger, now: clock.now)
        let day = SliceID(period: clock.now.day.period)
        let indices = shape.spread(Self.cells)
        var cells = indices.map { shape.cell($0) }
        func commit() async throws -> LedgerChange {
            var reading = Reading()
            reading.slices = [SliceReading(day, cells: cells, readAt: clock.now)]
            return try await ledger.commit(reading, to: source.id, now: clock.now)
        }
        _ = try await commit()
        var seconds: [Double] = []
        for number in 0..<commits {
            let index = number % cells.count
            cells[index] = shape.cell(indices[index], factor: 2 + number / cells.count)
            let begun = ContinuousClock.now
            let change = try await commit()
            seconds.append((ContinuousClock.now - begun).inSeconds)
            guard change.series.count == 1 else {
                throw ValidationError("one cell was changed and \(change.series.count) series changed")
            }
        }
        try await ledger.close()
        try Median(of: seconds).print()
    }
}

/// One round: the first sync's commits of a month with a thousand models per day, into an empty ledger.
struct FirstSyncRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "first-sync-run", shouldDisplay: false)

    static let days = 31
    /// Models per day, each with cost, requests and both outcomes.
    static let models = 1000
    /// Days per commit.
    static let step = 5

    @Option(help: "An empty or missing directory.")
    var folder: String

    func run() async throws {
        let now = SystemClock().now
        let readings = stride(from: 0, to: Self.days, by: Self.step).map { first in
            var reading = Reading()
            reading.slices = (first..<min(first + Self.step, Self.days)).map { daysAgo in
                SliceReading(
                    SliceID(period: now.day.advanced(by: -daysAgo).period), cells: Self.cells(daysAgo), readAt: now)
            }
            return reading
        }
        let ledger = try await UsageLedger.open(folder: folder, families: .common, now: now)
        let source = try await StoredLedger.source(in: ledger, now: now)
        let begun = ContinuousClock.now
        for reading in readings {
            _ = try await ledger.commit(reading, to: source.id, now: now)
        }
        let change = try await ledger.completeHistory(of: source.id, now: now)
        let seconds = (ContinuousClock.now - begun).inSeconds
        // Plus the series for corrections.
        guard change.series.count == Self.models * 4 + 1 else {
            throw ValidationError("\(change.series.count) series came of \(Self.models) models")
        }
        try await ledger.close()
        try Median(of: [seconds]).print()
    }

    private static func cells(_ daysAgo: Int) -> [Cell] {
        (0..<models).flatMap { number in
            let labels = ["", "wavespeed-ai/model-\(number)"]
            let requests = 1 + (number * 31 + daysAgo * 7) % 900
            return [
                Cell(.cost, labels, ExactDecimal(micros: requests * 12_000)),
                Cell(.requests, labels, ExactDecimal(requests)),
                Cell(.outcomes, labels + ["success"], ExactDecimal(requests - requests % 3)),
                Cell(.outcomes, labels + ["failure"], ExactDecimal(requests % 3)),
            ]
        }
    }
}
