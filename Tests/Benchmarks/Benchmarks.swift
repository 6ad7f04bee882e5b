import ArgumentParser

/// What this project's speed and memory are measured with; each subcommand prints a table.
@main
struct Benchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmarks", abstract: "Measures time and memory, beside other tools on the same bytes.",
        subcommands: [DecodingBenchmark.self, DecodingRun.self])
}
