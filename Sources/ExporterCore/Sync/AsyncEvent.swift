import NIOConcurrencyHelpers

/// Something that is waited for by one task and given by any other. A signal that comes early is kept.
final class AsyncEvent: Sendable {
    private struct State {
        var isSet = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = NIOLockedValueBox(State())

    /// Lets the waiting task go on, or the next one that waits.
    func set() {
        let waiting = state.withLockedValue { state in
            let waiting = state.waiting
            state.waiting = nil
            state.isSet = waiting == nil
            return waiting
        }
        waiting?.resume()
    }

    /// Drops a signal that came early.
    func clear() {
        state.withLockedValue { $0.isSet = false }
    }

    /// Waits until the signal is given, or the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLockedValue { state in
                    // Cancelled before this task came to wait: nobody would resume it.
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return true
                    }
                    state.waiting = continuation
                    return false
                }
                if goesOn { continuation.resume() }
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
