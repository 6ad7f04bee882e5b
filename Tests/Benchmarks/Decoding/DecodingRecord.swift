import ArgumentParser
import Foundation
import UsageModel

/// Writes the responses that every decoder reads, and prints their size in bytes.
struct DecodingRecord: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "decoding-record", shouldDisplay: false)

    @Argument var recording: Recording
    @Argument(help: "An existing, empty directory.") var responses: String

    func run() async throws {
        let visit = CountingVisit(recording.slices)
        print(try await recording.record(to: URL(fileURLWithPath: responses), in: visit))
    }
}

extension Recording: ExpressibleByArgument {}
