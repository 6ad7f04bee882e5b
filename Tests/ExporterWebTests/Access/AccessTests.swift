import Foundation
import Testing

@testable import ExporterWeb

@Suite struct AccessTests {
    @Test func bucketLetsInABurstAndThenOneAnInterval() {
        let start = ContinuousClock.now
        var bucket = TokenBucket(.init(interval: .seconds(2), burst: 3), at: start)
        var taken: [Bool] = []
        for milliseconds in [0, 0, 0, 0, 1900, 2100, 2200] {
            taken.append(bucket.take(at: start + .milliseconds(milliseconds)))
        }
        #expect(taken == [true, true, true, false, false, true, false])
        // A long rest saves up no more than the burst, and a moment before the last one gives nothing.
        taken = []
        for seconds in [1000, 1000, 1000, 1000, 0] { taken.append(bucket.take(at: start + .seconds(seconds))) }
        #expect(taken == [true, true, true, false, false])
    }

    @Test(arguments: [
        ("Basic YWxpY2U6c2VjcmV0", "alice", "secret"), ("basic YWxpY2U6YTpi", "alice", "a:b"), ("BASIC Og==", "", ""),
    ])
    func credentialsAreRead(header: String, user: String, password: String) throws {
        let read = try #require(BasicCredentials.read(header))
        #expect(read.user == user)
        #expect(read.password == password)
    }

    @Test(arguments: [nil, "", "Basic", "Basic ", "Basic !!!", "Basic YWxpY2U=", "Bearer YWxpY2U6c2VjcmV0"])
    func whatIsNoneIsNotTaken(header: String?) {
        #expect(BasicCredentials.read(header) == nil)
    }

    @Test func passwordsAreRightForTheirUserAlone() async {
        let hash = "$2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"
        let users = ["dave": hash]
        let verifier = PasswordVerifier()
        #expect(await verifier.isRight(user: "dave", password: "dave123", users: users) == true)
        #expect(await verifier.isRight(user: "dave", password: "dave1234", users: users) == false)
        #expect(await verifier.isRight(user: "dave", password: "dave123\u{0}x", users: users) == false)
        #expect(await verifier.isRight(user: "eve", password: "dave123", users: users) == false)
        // The parts of a verdict's key must not run into each other.
        #expect(await verifier.isRight(user: "dave" + hash, password: "dave123", users: users) == false)
        #expect(await verifier.isRight(user: "dave", password: "dave123", users: [:]) == false)
    }

    @Test(arguments: [
        ("$2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq", true), (PasswordHash.ofNobody, true),
        ("$2y$03$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq", false), ("doe", false), ("", false),
        ("$1$abc$2UXri9cIDdgeKjBo4Rlpx", false),
    ])
    func hashesAreToldByTheirForm(text: String, isBcrypt: Bool) {
        #expect(PasswordHash.isBcrypt(text) == isBcrypt)
    }
}
