import NIOConcurrencyHelpers
import Testing
import UsageModel

@testable import ProviderSimulator

/// A clock that only moves when a test sets it, forwards or back.
final class ManualClock: WallClock {
    private struct Sleeper {
        let until: Timestamp
        let wake = AsyncValue<Void>()
    }

    private struct State {
        var now: Timestamp
        var sleepers: [Sleeper] = []
        var nextSleep = AsyncValue<Void>()
    }

    private let state: NIOLockedValueBox<State>

    init(_ now: Timestamp) {
        state = NIOLockedValueBox(State(now: now))
    }

    var now: Timestamp { state.withLockedValue { $0.now } }

    func sleep(for duration: Duration) async throws {
        let (sleeper, fallsAsleep) = state.withLockedValue { state in
            let sleeper = Sleeper(until: state.now + duration)
            state.sleepers.append(sleeper)
            let fallsAsleep = state.nextSleep
            state.nextSleep = AsyncValue()
            return (sleeper, fallsAsleep)
        }
        fallsAsleep.send(())
        try await sleeper.wake.value()
    }

    func move(to now: Timestamp) {
        let woken = state.withLockedValue { state in
            state.now = now
            let woken = state.sleepers.filter { $0.until <= now }
            state.sleepers.removeAll { $0.until <= now }
            return woken
        }
        for sleeper in woken { sleeper.wake.send(()) }
    }

    /// Moves the clock once a task sleeps.
    func passSleep(of duration: Duration) async throws {
        while let next = state.withLockedValue({ $0.sleepers.isEmpty ? $0.nextSleep : nil }) { try await next.value() }
        move(to: now + duration)
    }
}

func at(_ text: String) throws -> Timestamp {
    try #require(Timestamp(text))
}

func usd(_ text: String) throws -> ExactDecimal {
    try #require(ExactDecimal(text))
}
