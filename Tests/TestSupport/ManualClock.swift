import NIOConcurrencyHelpers
import UsageModel

/// A clock that only moves when a test sets it, forwards or back.
package final class ManualClock: WallClock {
    /// Behavior of `sleep`.
    package enum Sleeping: Sendable {
        /// Returns immediately without advancing the clock: for retries, whose waits are recorded.
        case isSkipped
        /// Returns immediately after advancing the clock by the duration.
        case advances
        /// Lasts until the test has moved the clock far enough.
        case waits
    }

    private struct Sleeper {
        let until: Timestamp
        let wake: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Timestamp
        var sleepers: [Int: Sleeper] = [:]
        var next = 0
        var slept: [Duration] = []
        var watchers: [(count: Int, wake: CheckedContinuation<Void, Never>)] = []
    }

    private let sleeping: Sleeping
    private let state: NIOLockedValueBox<State>

    package init(_ now: Timestamp, sleeping: Sleeping = .isSkipped) {
        self.sleeping = sleeping
        state = NIOLockedValueBox(State(now: now))
    }

    package var now: Timestamp { state.withLockedValue { $0.now } }

    /// The requested sleeps, in order.
    package var slept: [Duration] { state.withLockedValue { $0.slept } }

    /// Sleeps according to `Sleeping`.
    package func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        guard case .waits = sleeping else {
            state.withLockedValue { state in
                state.slept.append(duration)
                if case .advances = sleeping { state.now = state.now + duration }
            }
            await Task.yield()
            return
        }
        let id = state.withLockedValue { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let woken = state.withLockedValue { state in
                    state.slept.append(duration)
                    state.sleepers[id] = Sleeper(until: state.now + duration, wake: continuation)
                    let count = state.sleepers.count
                    let woken = state.watchers.filter { $0.count <= count }
                    state.watchers.removeAll { $0.count <= count }
                    return woken
                }
                for watcher in woken { watcher.wake.resume() }
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Moves the clock by a duration and wakes the tasks whose sleep has ended.
    package func advance(by duration: Duration) {
        move(to: now + duration)
    }

    /// Sets the clock and wakes the tasks whose sleep has ended.
    package func move(to now: Timestamp) {
        let woken = state.withLockedValue { state in
            state.now = now
            let woken = state.sleepers.filter { $0.value.until <= now }
            for id in woken.keys { state.sleepers[id] = nil }
            return woken.values
        }
        for sleeper in woken { sleeper.wake.resume() }
    }

    /// Waits until `count` tasks sleep.
    package func untilAsleep(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLockedValue { state in
                if state.sleepers.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isReached { continuation.resume() }
        }
    }

    private func cancel(_ id: Int) {
        let sleeper = state.withLockedValue { $0.sleepers.removeValue(forKey: id) }
        sleeper?.wake.resume(throwing: CancellationError())
    }
}
