import UsageModel

/// Until when a source that failed is left alone, also over a restart: stored with its status.
struct SyncHold: Sendable, Equatable, Codable {
    /// Not before this time.
    let until: Timestamp
    /// The whole wait, from the failure on: no clock that was set back makes it longer.
    let length: Duration
    /// Whether the provider asked for it (`Retry-After`): no other key and no operator shortens it.
    let isProvidersWish: Bool
    /// What the source was queried with, as ``AccountConfiguration`` has it: with something else it is queried at once.
    let access: String

    /// The hold after a failure; nil where a restart may query at once, since the cause may well be on this machine.
    ///
    /// - Parameters:
    ///   - delay: the wait that the schedule has.
    ///   - wish: the wait that the provider asked for; nil where it did not.
    init?(after failure: any ReasonedFailure, at now: Timestamp, delay: Duration, wish: Duration?, access: String) {
        switch failure.reason {
        case .network, .storage: return nil
        // A part that fails must not make the others old.
        case _ where failure is PartialFailure && wish == nil: return nil
        case .auth, .rateLimited, .timeout, .http4xx, .http5xx, .decode, .gone: break
        }
        length = wish ?? delay
        until = now + length
        isProvidersWish = wish != nil
        self.access = access
    }

    /// How long the source is still left alone.
    ///
    /// - Parameter longest: the longest wait that any failure leads to now.
    func wait(at now: Timestamp, access: String, longest: Duration) -> Duration {
        guard isProvidersWish || access == self.access else { return .zero }
        return max(.zero, min(until - now, length, longest))
    }
}
