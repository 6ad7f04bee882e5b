import ArgumentParser

/// The benchmark's commands that need this project's modules. `Tests/Benchmarks/run` runs each in a separate process
/// and compares the results with those of other tools.
@main
struct Benchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmarks", abstract: "Called by Tests/Benchmarks/run.",
        subcommands: [
            StoreCommand.self, CommitRun.self, PageRun.self, FirstSyncRun.self, DecodingRecord.self, DecodingRun.self,
            SimulateCommand.self,
        ])
}
