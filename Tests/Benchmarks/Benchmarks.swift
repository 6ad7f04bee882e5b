import ArgumentParser

/// The parts of the benchmark that need this project's modules. `Tests/Benchmarks/run` calls them, each a process of its
/// own, and puts their numbers beside those of other tools.
@main
struct Benchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmarks", abstract: "Called by Tests/Benchmarks/run.",
        subcommands: [
            StoreCommand.self, CommitRun.self, PageRun.self, FirstSyncRun.self, DecodingRecord.self, DecodingRun.self,
            SimulateCommand.self,
        ])
}
