import NIOConcurrencyHelpers
import UsageModel

/// Spreads requests so that an API's limit is never reached: a pure value that is asked before each request.
///
/// No more than `perMinute` requests lie in any 60 seconds, so that both a sliding and a fixed minute upstream are
/// respected. With 3 a minute, and requests wanted at these seconds:
///
/// | wanted at | 0 | 1 | 2 | 3 | 3 | 70 |
/// |---|---|---|---|---|---|---|
/// | sent at | 0 | 1 | 2 | 60 | 61 | 70 |
package struct RequestPace: Sendable, Hashable {
    /// The span that limits are counted over.
    static let window = Duration.seconds(60)
    /// Of a limit that the API itself tells, five sixths are used: others use the same key, and two clocks and a network
    /// lie between sending and counting.
    static let share = (of: 5, in: 6)

    /// Requests in any minute.
    package private(set) var perMinute: Int
    /// When the last `perMinute` requests were or will be sent, ascending.
    private var sent: [Timestamp] = []
    /// The API said that nothing is left: no request before this moment.
    private var pausedUntil: Timestamp?

    /// A pace of at least one request a minute.
    package init(perMinute: Int) {
        self.perMinute = max(1, perMinute)
    }

    /// Takes the next free place and says how long to wait for it.
    package mutating func reserve(now: Timestamp) -> Duration {
        // What lies further ahead than a handful of callers wait was dated by a clock that has been set back since.
        let horizon = now + Self.window * 3
        sent.removeAll { $0 <= now - Self.window || $0 > horizon }
        var place = max(now, sent.last ?? now)
        if sent.count >= perMinute { place = max(place, sent[sent.count - perMinute] + Self.window) }
        if let pause = pausedUntil, pause <= horizon { place = max(place, pause) }
        sent.append(place)
        return place - now
    }

    /// Goes by what an answer says of the limit: the headers `X-RateLimit-Limit` and `X-RateLimit-Remaining`.
    ///
    /// `X-RateLimit-Reset` is not used: some APIs mean seconds to go by it and some a moment. A whole window is always
    /// long enough.
    package mutating func learn(from headers: UpstreamHeaders, now: Timestamp) {
        func number(_ name: String) -> Int? {
            headers.first(name: name).flatMap { Int($0.trimmingWhitespace()) }
        }
        if let limit = number("X-RateLimit-Limit"), (1...1_000_000).contains(limit) {
            perMinute = max(1, limit * Self.share.of / Self.share.in)
        }
        pausedUntil = number("X-RateLimit-Remaining") == 0 ? now + Self.window : nil
    }
}

/// The pace that all calls of one account keep together, whichever source makes them.
package final class SharedPace: Sendable {
    private let pace: NIOLockedValueBox<RequestPace>
    private let clock: any WallClock

    /// A pace of so many requests in any minute, until the API tells another limit.
    package init(perMinute: Int, clock: any WallClock) {
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
package struct PacedAPI: UpstreamAPI {
    private let api: any UpstreamAPI
    private let pace: SharedPace

    /// Holds an API's calls to a pace.
    package init(_ api: any UpstreamAPI, pace: SharedPace) {
        self.api = api
        self.pace = pace
    }

    /// Waits for the call's turn, then sends it; see ``UpstreamAPI/send(_:)``.
    package func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        try await pace.wait()
        let answer = try await api.send(call)
        pace.learn(from: answer.headers)
        return answer
    }

    /// The credential of the API behind the pace.
    package func credentialFingerprint() throws -> String? { try api.credentialFingerprint() }
}
