import ArgumentParser
import Foundation

/// Reads large answers as a sync does, beside Python's orjson on the same bytes.
///
/// Every round of each side is a process of its own, so that a peak is that round's alone; sides take turns.
struct DecodingBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decoding", abstract: "50,000 useapi.net rows and 100,000 Venice rows: seconds and peak memory.")

    @Option(help: "Rounds; the table shows medians.")
    var rounds = 5

    mutating func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("decoding-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        print("| rows | bytes | side | seconds | peak memory above the start, MB |\n|---|---|---|---|---|")
        for recording in Recording.allCases {
            let answers = folder.appendingPathComponent(recording.rawValue)
            try FileManager.default.createDirectory(at: answers, withIntermediateDirectories: true)
            let bytes = try await recording.record(to: answers)
            var measured: [Side: [Measurement]] = [:]
            for _ in 0..<max(1, rounds) {
                for side in Side.allCases {
                    measured[side, default: []].append(try side.measure(recording, answers))
                }
            }
            for side in Side.allCases {
                let rounds = measured[side, default: []]
                print(
                    "| \(recording.description) | \(bytes) | \(side.rawValue) "
                        + "| \(Measurement.median(rounds.map(\.seconds)).formatted(.number.precision(.fractionLength(3)))) "
                        + "| \((Measurement.median(rounds.map(\.peakBytes)) / 1e6).formatted(.number.precision(.fractionLength(0)))) |"
                )
            }
        }
    }
}

/// Who reads the answers.
enum Side: String, CaseIterable {
    /// A source of this project: decoding, and counting into cells.
    case ours = "this exporter: decode and count"
    /// Decoding alone, into Python's objects.
    case orjson = "Python orjson: decode alone"

    /// One round in a process of its own, which prints a measurement as JSON.
    func measure(_ recording: Recording, _ answers: URL) throws -> Measurement {
        let process = Process()
        switch self {
        case .ours:
            process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
            process.arguments = ["decoding-run", recording.rawValue, answers.path]
        case .orjson:
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["python3", "-c", Self.script, answers.path]
        }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ValidationError("a round of \(rawValue) failed; is orjson there? python3 -m pip install orjson")
        }
        return try JSONDecoder().decode(Measurement.self, from: text)
    }

    private static let script = """
        import json, os, resource, sys, time, orjson
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        start, begun = resident(), time.perf_counter()
        for name in sorted(os.listdir(sys.argv[1])):
            with open(os.path.join(sys.argv[1], name), "rb") as file:
                orjson.loads(file.read())
        seconds = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "peakBytes": peak - start}))
        """
}

/// What one round took.
struct Measurement: Codable {
    /// Seconds from the first byte read to the last cell.
    let seconds: Double
    /// The highest resident memory minus that at the start.
    let peakBytes: Double

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}
