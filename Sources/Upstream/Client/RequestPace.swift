import NIOConcurrencyHelpers
import UsageModel

/// A client-side rate limiter that keeps requests below an API's limit: a pure value, called before each request.
///
/// It admits at most `perMinute` requests in any 60 seconds, which satisfies APIs that count by sliding and by fixed
/// minutes. With 3 a minute, and requests wanted at these seconds:
///
/// | wanted at | 0 | 1 | 2 | 3 | 3 | 70 |
/// |---|---|---|---|---|---|---|
/// | sent at | 0 | 1 | 2 | 60 | 61 | 70 |
package struct RequestPace: Sendable, Hashable {
    /// The window of the limit.
    static let window = Duration.seconds(60)
    /// The fraction of a limit reported by the API that is used. The rest is for other users of the key, clock differences
    /// and network latency.
    static let share = (of: 5, in: 6)

    /// The limit in requests per minute.
    package private(set) var perMinute: Int
    /// Send times of the last `perMinute` requests, past or future, ascending.
    private var sent: [Timestamp] = []
    /// The API reported no remaining requests: none is sent before this time.
    private var pausedUntil: Timestamp?

    /// Creates a limiter of at least one request a minute.
    package init(perMinute: Int) {
        self.perMinute = max(1, perMinute)
    }

    /// Reserves the next free slot and returns the wait until it.
    package mutating func reserve(now: Timestamp) -> Duration {
        // Slots further ahead than a few waiting callers reserve were set by a clock that has been set back since.
        let horizon = now + Self.window * 3
        sent.removeAll { $0 <= now - Self.window || $0 > horizon }
        var slot = max(now, sent.last ?? now)
        if sent.count >= perMinute { slot = max(slot, sent[sent.count - perMinute] + Self.window) }
        if let pause = pausedUntil, pause <= horizon { slot = max(slot, pause) }
        sent.append(slot)
        return slot - now
    }

    /// Adopts the limit that a response reports in `X-RateLimit-Limit` and `X-RateLimit-Remaining`.
    ///
    /// `X-RateLimit-Reset` is not used because APIs differ: it is a delay or a timestamp. A whole window is always long
    /// enough.
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

/// The rate limiter shared by all calls of one account.
package final class SharedPace: Sendable {
    private let pace: NIOLockedValueBox<RequestPace>
    private let clock: any WallClock

    /// Creates a limiter; the API may report another limit later.
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

/// An API whose calls are rate-limited.
///
/// Retries follow only the retry policy, whose waits are longer.
package struct PacedAPI: UpstreamAPI {
    private let api: any UpstreamAPI
    private let pace: SharedPace

    package init(_ api: any UpstreamAPI, pace: SharedPace) {
        self.api = api
        self.pace = pace
    }

    /// Waits for a slot, then sends the call; see ``UpstreamAPI/send(_:)``.
    package func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        try await pace.wait()
        let response = try await api.send(call)
        pace.learn(from: response.headers)
        return response
    }

    package func credentialFingerprint() throws -> String? { try api.credentialFingerprint() }
}
