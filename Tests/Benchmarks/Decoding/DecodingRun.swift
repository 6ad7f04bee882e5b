import ArgumentParser
import ExporterCore
import Foundation
import Providers
import UsageLedger
import UsageModel

/// One round of this exporter: a source reads recorded responses as in a sync, and the ledger stores the counted usage.
struct DecodingRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "decoding-run", shouldDisplay: false)

    @Argument var recording: Recording
    @Argument(help: "Directory of the responses.") var responses: String
    @Argument(help: "An empty or missing directory for the ledger.") var folder: String

    func run() async throws {
        let replay = try ReplayedAPI(folder: URL(fileURLWithPath: responses))
        let source = try recording.source(reading: replay)
        let ledger = try await UsageLedger.open(folder: folder, families: .all(of: allProviders), now: Recording.now)
        let account = try await ledger.registerAccount(
            "clips", provider: recording.provider, proposedStart: recording.start, now: Recording.now)
        let stored = try await ledger.registerSource(source.name, of: account.id)
        let visit = CountingVisit(recording.slices) { reading in
            _ = try await ledger.commit(reading, to: stored.id, now: Recording.now)
        }
        let start = try Memory.read().resident
        let begun = ContinuousClock.now
        try await source.sync(visit)
        let change = try await ledger.completeHistory(of: stored.id, now: Recording.now)
        let seconds = (ContinuousClock.now - begun).inSeconds
        let peak = try Memory.read().peak
        try await ledger.close()
        guard visit.rows == recording.rows, !change.isEmpty else {
            throw ValidationError("\(visit.rows) requests were counted, \(recording.rows) are recorded")
        }
        let measurement = Measurement(seconds: seconds, peakBytes: peak - start)
        print(String(decoding: try JSONEncoder().encode(measurement), as: UTF8.self))
    }
}

/// Result of one round.
private struct Measurement: Encodable {
    /// Seconds from the first byte read until the sums are durable.
    let seconds: Double
    /// Peak resident memory minus that at the start.
    let peakBytes: Double
}

/// This process's memory in bytes (proc(5), `/proc/self/status`).
private struct Memory {
    let resident: Double
    let peak: Double

    static func read() throws -> Memory {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        func bytes(_ name: String) -> Double {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            return (line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) * 1024
        }
        return Memory(resident: bytes("VmRSS"), peak: bytes("VmHWM"))
    }
}
