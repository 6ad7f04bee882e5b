import NIOConcurrencyHelpers

/// An event that one task waits for and any other task sets. It stays set until the wait consumes it.
final class AsyncEvent: Sendable {
    private struct State {
        var isSet = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = NIOLockedValueBox(State())

    /// Resumes the waiting task, or the next one that waits.
    func set() {
        let waiting = state.withLockedValue { state in
            let waiting = state.waiting
            state.waiting = nil
            state.isSet = waiting == nil
            return waiting
        }
        waiting?.resume()
    }

    /// Resets the event without a wait.
    func clear() {
        state.withLockedValue { $0.isSet = false }
    }

    /// Waits until the event is set, or the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumes = state.withLockedValue { state in
                    // After an earlier cancellation nothing would resume the continuation.
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return true
                    }
                    state.waiting = continuation
                    return false
                }
                if resumes { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLockedValue { state in
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume()
        }
    }
}
