/// A part of what a source reads could not be read; the rest was committed.
///
/// It counts as a failure with its reason, but the next sync comes as early as after a success: one bad key of an
/// account must not make the data of the others old.
public struct PartialFailure: ReasonedFailure, CustomStringConvertible {
    /// Why the first part that failed did.
    public let reason: FailureReason
    /// Which part failed and why, in plain words; never a secret, never a body.
    public let message: String
    /// Whether the first part's failure lasts.
    public let isLasting: Bool
    /// How long the provider asked to wait, where the first part that failed met that.
    public let retryAfter: Duration?

    /// A failure of a part.
    public init(_ failure: any ReasonedFailure) {
        reason = failure.reason
        message = failure.message
        isLasting = failure.isLasting
        retryAfter = failure.retryAfter
    }

    /// The message.
    public var description: String { message }
}
