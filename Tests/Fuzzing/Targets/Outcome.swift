import NIOConcurrencyHelpers

/// How asynchronous work ended.
final class Outcome: Sendable {
    /// What it threw; nil where it ended well.
    let error = NIOLockedValueBox<(any Error)?>(nil)
}
