import Foundation
import Testing
import UsageModel

@testable import Providers

@Suite struct LifetimeGrowthTests {
    private func counted(_ totals: [String]) throws -> ExactDecimal {
        var track: LifetimeGrowth?
        for text in totals {
            let total = try #require(ExactDecimal(text))
            guard var next = track else {
                track = LifetimeGrowth(total: total, fingerprint: nil)
                continue
            }
            next.observe(total: total, fingerprint: nil)
            track = next
        }
        return try #require(track).counted
    }

    @Test(
        "only rises above the highest total count",
        arguments: [
            (["100"], "0"), (["100", "100.00"], "0"), (["100", "120.5", "150.5"], "50.5"),
            // A total that falls and recovers.
            (["100", "120", "80", "120"], "20"), (["100", "0", "100"], "0"), (["100", "0", "130"], "30"),
            (["100", "120", "110", "110", "120", "125"], "25"),
            // A rounding error of binary floating point.
            (["74.5", "74.50000000000001", "74.5", "84.5"], "10"),
        ])
    func rises(totals: [String], sum: String) throws {
        #expect(try counted(totals) == ExactDecimal(sum))
    }

    @Test("a lower total with another credential is a new base, a higher one a top-up")
    func otherCredential() {
        var track = LifetimeGrowth(total: ExactDecimal(1000), fingerprint: "a")
        track.observe(total: ExactDecimal(20), fingerprint: "b")
        track.observe(total: ExactDecimal(50), fingerprint: "b")
        #expect(track.counted == ExactDecimal(30))
        track.observe(total: ExactDecimal(60), fingerprint: "c")
        #expect(track.counted == ExactDecimal(40))
        track.observe(total: ExactDecimal(55), fingerprint: nil)
        track.observe(total: ExactDecimal(60), fingerprint: "c")
        #expect(track.counted == ExactDecimal(40))
    }

    @Test("a stored track continues, and damaged text is an error rather than 0")
    func storage() throws {
        var track = LifetimeGrowth(total: ExactDecimal(100), fingerprint: "a")
        track.observe(total: ExactDecimal(micros: 100_000_001), fingerprint: "a")
        let text = try RememberedJSON.text(of: track)
        #expect(try JSONDecoder().decode(LifetimeGrowth.self, from: Data(text.utf8)) == track)
        let damaged = text.replacing("100.000001", with: "x")
        #expect(damaged != text)
        #expect(throws: DecodingError.self) {
            _ = try JSONDecoder().decode(LifetimeGrowth.self, from: Data(damaged.utf8))
        }
    }
}
