import NIOConcurrencyHelpers

/// A value that is sent once and that any number of tasks can wait for; a cancelled task stops waiting.
final class Signal<Value: Sendable>: Sendable {
    private enum State {
        case awaited([AsyncStream<Value>.Continuation])
        case sent(Value)
    }

    private let state = NIOLockedValueBox(State.awaited([]))

    /// Sends the value; a second one is dropped.
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

    /// The value, once it is sent.
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
