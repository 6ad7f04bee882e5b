import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct UnreadablePartsTests {
    private func failure(_ reason: FailureReason) -> UpstreamFailure {
        UpstreamFailure(reason: reason, message: reason.rawValue)
    }

    /// Reads parts that fail with the given reasons, or succeed for nil.
    private func read(_ parts: [FailureReason?]) async throws {
        var unreadable = UnreadableParts()
        for reason in parts {
            try await unreadable.isolate { if let reason { throw failure(reason) } }
        }
        try unreadable.check()
    }

    @Test func failureOfOnePartIsPartialIfOthersWereRead() async throws {
        try await read([nil, nil])
        for parts: [FailureReason?] in [
            [.decode, .decode, nil], [nil, .http5xx, nil, .http5xx], [.http5xx, .decode, .http5xx, nil],
        ] {
            let partial = await #expect(throws: PartialFailure.self) { try await read(parts) }
            #expect(partial?.reason == parts.compactMap { $0 }.first)
        }
        let whole = await #expect(throws: UpstreamFailure.self) { try await read([.decode, .decode]) }
        #expect(whole?.reason == .decode)
    }

    @Test(arguments: [FailureReason.auth, .rateLimited, .network, .timeout, .gone, .http4xx, .storage])
    func failureOfEveryPartEndsTheSync(reason: FailureReason) async {
        let found = await #expect(throws: UpstreamFailure.self) { try await read([nil, .decode, reason, nil]) }
        #expect(found?.reason == reason)
    }

    @Test func secondServerErrorInARowEndsTheSync() async {
        let found = await #expect(throws: UpstreamFailure.self) { try await read([nil, .http5xx, .http5xx, nil]) }
        #expect(found?.reason == .http5xx)
    }
}
