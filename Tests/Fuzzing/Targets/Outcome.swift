import NIOConcurrencyHelpers

/// Result of asynchronous work.
final class Outcome: Sendable {
    /// The thrown error; nil after success.
    let error = NIOLockedValueBox<(any Error)?>(nil)
}
