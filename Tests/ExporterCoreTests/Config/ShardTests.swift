import ExporterCore
import Testing

@Suite struct ShardTests {
    private let names = (0..<1000).map { "account-\($0)" } + ["media", "stack", "assistant", "inference", "clips"]

    private func ordinals(of name: String, among total: Int) -> [Int] {
        (0..<total).filter { Shard(ordinal: $0, total: total)?.holds(account: name) == true }
    }

    @Test("every account belongs to exactly one shard", arguments: 1...7)
    func partition(total: Int) {
        var sizes = [Int](repeating: 0, count: total)
        for name in names {
            let found = ordinals(of: name, among: total)
            #expect(found.count == 1, "\(name) is in \(found)")
            for ordinal in found { sizes[ordinal] += 1 }
        }
        #expect(sizes.allSatisfy { $0 > names.count / total / 2 }, "\(sizes)")
    }

    @Test("an additional shard takes accounts, and none moves between the others", arguments: 1...6)
    func additionalShard(total: Int) {
        var moved = 0
        for name in names where ordinals(of: name, among: total + 1) != ordinals(of: name, among: total) {
            #expect(ordinals(of: name, among: total + 1) == [total])
            moved += 1
        }
        #expect(moved < names.count * 2 / (total + 1))
    }

    /// An account assigned to another shard by a new version would start a new ledger there.
    @Test("assignments are the same in every version")
    func stability() {
        #expect(
            ["media", "stack", "assistant", "inference", "clips"].map { ordinals(of: $0, among: 5) }
                == [[2], [0], [2], [3], [4]])
    }

    @Test("an ordinal out of range is invalid")
    func ordinalRange() {
        #expect(Shard(ordinal: 3, total: 3) == nil)
        #expect(Shard(ordinal: -1, total: 3) == nil)
        #expect(Shard(ordinal: 0, total: 0) == nil)
    }
}
