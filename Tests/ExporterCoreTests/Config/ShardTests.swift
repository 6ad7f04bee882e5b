import ExporterCore
import Testing

@Suite struct ShardTests {
    private let names = (0..<1000).map { "account-\($0)" } + ["media", "stack", "assistant", "inference", "clips"]

    private func place(of name: String, among total: Int) -> [Int] {
        (0..<total).filter { Shard(ordinal: $0, total: total)?.holds(account: name) == true }
    }

    @Test(arguments: 1...7) func theShardsAreTheWholeEachAccountOnce(total: Int) {
        var sizes = [Int](repeating: 0, count: total)
        for name in names {
            let places = place(of: name, among: total)
            #expect(places.count == 1, "\(name) is in \(places)")
            for place in places { sizes[place] += 1 }
        }
        #expect(sizes.allSatisfy { $0 > names.count / total / 2 }, "\(sizes)")
    }

    @Test(arguments: 1...6) func oneMoreShardTakesAccountsAndNoneMovesBetweenTheOthers(total: Int) {
        var moved = 0
        for name in names where place(of: name, among: total + 1) != place(of: name, among: total) {
            #expect(place(of: name, among: total + 1) == [total])
            moved += 1
        }
        #expect(moved < names.count * 2 / (total + 1))
    }

    /// An account that another version put into another shard would begin a new ledger there.
    @Test func placesStayWhatTheyAre() {
        #expect(
            ["media", "stack", "assistant", "inference", "clips"].map { place(of: $0, among: 5) }
                == [[2], [0], [2], [3], [4]])
    }

    @Test func aNumberBeyondTheShardsIsNone() {
        #expect(Shard(ordinal: 3, total: 3) == nil)
        #expect(Shard(ordinal: -1, total: 3) == nil)
        #expect(Shard(ordinal: 0, total: 0) == nil)
    }
}
