import Foundation
import FuzzTargets
import Testing

/// The fuzz targets on their seeds and on changes of them, the same ones in each run.
@Suite struct SeedTests {
    /// Changes of each seed.
    private static let changes = 400

    /// An input in the repository: real forms, and what once broke something.
    struct Seed: Sendable, CustomTestStringConvertible {
        let target: FuzzTarget
        let file: URL

        var testDescription: String { "\(target.rawValue)/\(file.lastPathComponent)" }
    }

    static let seeds: [Seed] = FuzzTarget.allCases.flatMap { target in
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fuzzing/Seeds/\(target.rawValue)").standardizedFileURL
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return names.sorted().map { Seed(target: target, file: folder.appending(path: $0)) }
    }

    @Test func everyTargetHasSeeds() {
        #expect(Set(Self.seeds.map(\.target)) == Set(FuzzTarget.allCases))
    }

    @Test(arguments: seeds)
    func whatMustHoldHoldsForTheSeedAndItsChanges(seed: Seed) throws {
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
