/// An error that says why a sync failed in the words of the metric catalogue.
public protocol ReasonedFailure: Error, Sendable {
    /// The reason, as `genai_syncs_total` counts it.
    var reason: FailureReason { get }
    /// What was wrong and what would be right, in plain words; never a secret, never a body.
    var message: String { get }
    /// Whether the failure lasts until the operator or the account's owner fixes its cause; others pass by themselves.
    var isLasting: Bool { get }
    /// How long the provider asked to wait before the next request; nil where it did not.
    var retryAfter: Duration? { get }
}

extension ReasonedFailure {
    /// As the reason says.
    public var isLasting: Bool { reason.isLasting }
    /// None.
    public var retryAfter: Duration? { nil }
}
