import Foundation
import FuzzTargets
import Testing

/// Runs the fuzz targets on their seeds and on deterministic mutations.
@Suite("Fuzz targets") struct SeedTests {
    /// Mutations per seed.
    private static let changes = 400

    /// An input in the repository: realistic data, or a regression.
    struct Seed: Sendable, CustomTestStringConvertible {
        let target: FuzzTarget
        let file: URL

        var testDescription: String { "\(target.name)/\(file.lastPathComponent)" }
    }

    static let seeds: [Seed] = FuzzTarget.all.flatMap { target in
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fuzzing/Seeds/\(target.name)").standardizedFileURL
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return names.sorted().map { Seed(target: target, file: folder.appending(path: $0)) }
    }

    @Test("every target has seeds")
    func coverage() {
        #expect(Set(Self.seeds.map(\.target)) == Set(FuzzTarget.all))
    }

    @Test("properties hold for each seed and its mutations", arguments: seeds)
    func properties(seed: Seed) throws {
        let input = Array(try Data(contentsOf: seed.file))
        try seed.target.run(input)
        for number in 1...UInt64(Self.changes) {
            let changed = Mutation(seed: number).mutated(input)
            do {
                try seed.target.run(changed)
            } catch {
                Issue.record("change \(number): \(error)")
                return
            }
        }
    }
}
