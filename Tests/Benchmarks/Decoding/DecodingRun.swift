import ArgumentParser
import Foundation
import UsageModel
import Upstream

/// One round of this exporter's side: a source reads recorded answers as in a sync.
struct DecodingRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "decoding-run", shouldDisplay: false)

    @Argument var recording: Recording
    @Argument var answers: String

    mutating func run() async throws {
        let replay = try ReplayedAPI(folder: URL(fileURLWithPath: answers))
        let source = try recording.source(reading: replay)
        let visit = CountingVisit(recording.slices)
        let start = try Memory.read().resident
        let clock = ContinuousClock()
        let begun = clock.now
        try await source.sync(visit)
        let seconds = (clock.now - begun) / .seconds(1)
        guard visit.rows == recording.rows else {
            throw ValidationError("\(visit.rows) requests were counted, \(recording.rows) are recorded")
        }
        let measurement = Measurement(seconds: seconds, peakBytes: try Memory.read().peak - start)
        print(String(decoding: try JSONEncoder().encode(measurement), as: UTF8.self))
    }
}

extension Recording: ExpressibleByArgument {}

/// This process's memory in bytes (proc(5), `/proc/self/status`).
struct Memory {
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
