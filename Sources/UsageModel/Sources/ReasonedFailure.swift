/// An error that says why a sync failed in the words of the metric catalogue.
public protocol ReasonedFailure: Error, Sendable {
    /// The reason, as `genai_syncs_total` counts it.
    var reason: FailureReason { get }
    /// What was wrong and what would be right, in plain words; never a secret, never a body.
    var message: String { get }
}
