import NIOConcurrencyHelpers

/// The requests that reached a simulated provider, oldest first. Keeps only the newest 10,000, so that a demo can run
/// for months.
package final class RequestLog: Sendable {
    private struct State {
        var kept: [APIRequest] = []
        var total = 0
        var next = AsyncValue<Void>()
    }

    private static let capacity = 10_000
    private let state = NIOLockedValueBox(State())

    init() {}

    /// The kept requests.
    package var requests: [APIRequest] { state.withLockedValue { $0.kept } }

    /// The number of requests that arrived in total.
    package var total: Int { state.withLockedValue { $0.total } }

    /// The number of kept requests whose path has this prefix: `count("/wavespeed/api/v3/balance")`.
    package func count(_ pathPrefix: String) -> Int {
        state.withLockedValue { state in state.kept.count { $0.path.hasPrefix(pathPrefix) } }
    }

    /// Waits until that many requests have arrived in total.
    ///
    /// - Throws: `CancellationError` when the waiting task is cancelled.
    package func wait(forTotal count: Int) async throws {
        while let next = state.withLockedValue({ $0.total < count ? $0.next : nil }) {
            try await next.value()
        }
    }

    /// Adds a request and returns how many arrived before it.
    func record(_ request: APIRequest) -> Int {
        let (ordinal, waiters) = state.withLockedValue { state in
            // Removing a tenth at a time amortizes the cost of a full log.
            if state.kept.count == Self.capacity { state.kept.removeFirst(Self.capacity / 10) }
            state.kept.append(request)
            let waiters = state.next
            state.next = AsyncValue()
            state.total += 1
            return (state.total - 1, waiters)
        }
        waiters.send(())
        return ordinal
    }
}

/// A value that is sent once and that any number of tasks can wait for; a cancelled task stops waiting.
final class AsyncValue<Value: Sendable>: Sendable {
    private enum State {
        case awaited([AsyncStream<Value>.Continuation])
        case sent(Value)
    }

    private let state = NIOLockedValueBox(State.awaited([]))

    /// Sends the value; later values are ignored.
    func send(_ value: Value) {
        let waiting: [AsyncStream<Value>.Continuation] = state.withLockedValue { state in
            guard case .awaited(let waiting) = state else { return [] }
            state = .sent(value)
            return waiting
        }
        for continuation in waiting {
            continuation.yield(value)
            continuation.finish()
        }
    }

    /// Waits for the value.
    ///
    /// - Throws: `CancellationError` when the waiting task is cancelled.
    func value() async throws -> Value {
        let (stream, continuation) = AsyncStream<Value>.makeStream()
        let sent: Value? = state.withLockedValue { state in
            switch state {
            case .sent(let value): return value
            case .awaited(let waiting):
                state = .awaited(waiting + [continuation])
                return nil
            }
        }
        if let sent { return sent }
        for await value in stream { return value }
        throw CancellationError()
    }
}
