import Foundation
import Testing

@testable import ExporterWeb

@Suite struct AccessTests {
    @Test("a token bucket allows a burst, then one request per interval") func tokenBucket() {
        let start = ContinuousClock.now
        var bucket = TokenBucket(.init(interval: .seconds(2), burst: 3), at: start)
        var taken: [Bool] = []
        for milliseconds in [0, 0, 0, 0, 1900, 2100, 2200] {
            taken.append(bucket.take(at: start + .milliseconds(milliseconds)))
        }
        #expect(taken == [true, true, true, false, false, true, false])
        // A long pause adds no more tokens than the burst, and an earlier time adds none.
        taken = []
        for seconds in [1000, 1000, 1000, 1000, 0] { taken.append(bucket.take(at: start + .seconds(seconds))) }
        #expect(taken == [true, true, true, false, false])
    }

    @Test(
        "credentials are parsed",
        arguments: [
            ("Basic YWxpY2U6c2VjcmV0", "alice", "secret"), ("basic YWxpY2U6YTpi", "alice", "a:b"),
            ("BASIC Og==", "", ""),
        ])
    func credentials(header: String, user: String, password: String) throws {
        let read = try #require(BasicCredentials.read(header))
        #expect(read.user == user)
        #expect(read.password == password)
    }

    @Test(
        "malformed and other Authorization headers are ignored",
        arguments: [nil, "", "Basic", "Basic ", "Basic !!!", "Basic YWxpY2U=", "Bearer YWxpY2U6c2VjcmV0"])
    func otherHeaders(header: String?) {
        #expect(BasicCredentials.read(header) == nil)
    }

    @Test("a password is right for its user only") func users() async {
        let hash = "$2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"
        let users = ["dave": hash]
        let verifier = PasswordVerifier()
        #expect(await verifier.isRight(user: "dave", password: "dave123", users: users) == true)
        #expect(await verifier.isRight(user: "dave", password: "dave1234", users: users) == false)
        #expect(await verifier.isRight(user: "dave", password: "dave123\u{0}x", users: users) == false)
        #expect(await verifier.isRight(user: "eve", password: "dave123", users: users) == false)
        // The parts of a cache key must be unambiguous.
        #expect(await verifier.isRight(user: "dave" + hash, password: "dave123", users: users) == false)
        #expect(await verifier.isRight(user: "dave", password: "dave123", users: [:]) == false)
    }

    @Test("a right password stays cached, however many wrong ones follow, until it is changed")
    func rightPasswordsStay() async {
        // Of cost 4: "dave123" and "changed1".
        let old = "$2y$04$2UXri9cIDdgeKjBo4Rlpx.Bet7Fs7kjI3L0UAlj95Aa323YRAJw8e"
        let new = "$2y$04$2UXri9cIDdgeKjBo4Rlpx.PTFXdEEZ8z/PKnCcWUza120iKFSiOre"
        let verifier = PasswordVerifier()
        #expect(await verifier.isRight(user: "dave", password: "dave123", users: ["dave": old]) == true)
        for number in 0..<600 {
            #expect(await verifier.isRight(user: "dave", password: "wrong-\(number)", users: ["dave": old]) == false)
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask { _ = await verifier.isRight(user: "x", password: "\(number)", users: ["dave": old]) }
            }
            // Even with a full queue.
            for _ in 0..<100 {
                #expect(await verifier.isRight(user: "dave", password: "dave123", users: ["dave": old]) == true)
            }
            await group.waitForAll()
        }
        #expect(await verifier.isRight(user: "dave", password: "dave123", users: ["dave": new]) == false)
        #expect(await verifier.isRight(user: "dave", password: "changed1", users: ["dave": new]) == true)
        #expect(await verifier.isRight(user: "dave", password: "dave123", users: [:]) == false)
    }

    @Test("the hash of unknown users costs as much as the costliest of the known ones") func dummyHash() {
        let costs = ["$2y$04$", "$2a$13$", "$2b$09$"]
        let hashes = costs.map { $0 + String(repeating: "a", count: 53) }
        #expect(PasswordHash.dummy(likeCostliestOf: hashes).hasPrefix("$2y$13$"))
        #expect(PasswordHash.dummy(likeCostliestOf: hashes.filter { !$0.contains("13") }).hasPrefix("$2y$09$"))
    }

    @Test(
        "bcrypt hashes are recognized by their format",
        arguments: [
            ("$2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq", true),
            (PasswordHash.dummy(likeCostliestOf: []), true),
            ("$2y$03$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq", false), ("doe", false), ("", false),
            ("$1$abc$2UXri9cIDdgeKjBo4Rlpx", false),
        ])
    func bcryptFormat(text: String, isBcrypt: Bool) {
        #expect(PasswordHash.isBcrypt(text) == isBcrypt)
    }
}
