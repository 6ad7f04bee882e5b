/// Where the time comes from, so that tests can make a month pass in milliseconds.
public protocol WallClock: Sendable {
    /// The present moment.
    var now: Timestamp { get }

    /// Waits for a duration of steady time: a step of the wall clock does not lengthen or shorten the wait.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// Where randomness comes from: jitter in tests is then the same in every run.
public protocol RandomSource: Sendable {
    /// A number from 0 (inclusive) to 1 (exclusive).
    func unit() -> Double
}
