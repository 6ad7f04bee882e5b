import NIOConcurrencyHelpers
import UsageModel

/// The pace that all calls of one account keep together, whichever source makes them.
public final class SharedPace: Sendable {
    private let pace: NIOLockedValueBox<RequestPace>
    private let clock: any WallClock

    /// A pace of so many requests in any minute, until the API tells another limit.
    public init(perMinute: Int, clock: any WallClock) {
        pace = NIOLockedValueBox(RequestPace(perMinute: perMinute))
        self.clock = clock
    }

    /// Waits until a request may be sent.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws {
        let wait = pace.withLockedValue { $0.reserve(now: clock.now) }
        if wait > .zero { try await clock.sleep(for: wait) }
    }

    func learn(from headers: UpstreamHeaders) {
        pace.withLockedValue { $0.learn(from: headers, now: clock.now) }
    }
}

/// An API whose calls keep a pace.
///
/// A call that is sent again after a failure keeps the retry policy's waits, which are longer.
public struct PacedAPI: UpstreamAPI {
    private let api: any UpstreamAPI
    private let pace: SharedPace

    /// Holds an API's calls to a pace.
    public init(_ api: any UpstreamAPI, pace: SharedPace) {
        self.api = api
        self.pace = pace
    }

    /// Waits for the call's turn, then sends it; see ``UpstreamAPI/send(_:)``.
    public func send(_ call: UpstreamCall) async throws -> UpstreamAnswer {
        try await pace.wait()
        let answer = try await api.send(call)
        pace.learn(from: answer.headers)
        return answer
    }

    /// The credential of the API behind the pace.
    public func credentialFingerprint() throws -> String? { try api.credentialFingerprint() }
}
