import ExporterCore
import Testing

/// SplitMix64: generates the same numbers in every run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("Damaged config files")
struct ConfigurationMutationTests {
    @Test(
        "Random edits never crash the parser and never make it print a secret", arguments: [1, 2, 3, 106] as [UInt64])
    func mutations(seed: UInt64) throws {
        let good = try ConfigurationFixtures.text("everything.yml")
        var random = SeededGenerator(state: seed)
        var refused = 0
        for _ in 0..<500 {
            let edited = Self.edited(good, by: &random)
            let text: String
            do {
                let configuration = try ConfigurationFixtures.load(
                    edited, readableByOthers: ["/etc/exporter/config.yml"])
                text = "\(configuration) \(configuration.warnings)"
            } catch {
                text = error.description
                refused += 1
                // A rejected config must have at least one problem with a message.
                #expect(!error.problems.isEmpty && error.problems.allSatisfy { !$0.message.isEmpty })
            }
            for piece in ConfigurationFixtures.secretPieces where text.contains(piece) {
                Issue.record("\(piece) printed for \(String(decoding: edited, as: UTF8.self)): \(text)")
            }
        }
        #expect(refused > 100)
    }

    /// Replaces, removes, inserts or copies one to four bytes.
    private static func edited(_ good: [UInt8], by random: inout SeededGenerator) -> [UInt8] {
        var bytes = good
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            let structural = Array(" \n:-,[]{}&*!|>'\"#%@`?\t".utf8)
            let new = Bool.random(using: &random) ? structural.randomElement(using: &random) : random.next()
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.remove(at: index)
            case 1: bytes.insert(new ?? 0, at: index)
            case 2: bytes.insert(contentsOf: bytes[..<index].suffix(20), at: index)
            default: bytes[index] = new ?? 0
            }
        }
        return bytes
    }
}
