import UsageModel

/// What sources call: an account's API.
public protocol UpstreamAPI: Sendable {
    /// Sends a call and gives its 2xx answer.
    ///
    /// - Throws: `UpstreamFailure` where no such answer came, after the retries; `CancellationError` where the task was
    ///   cancelled.
    func send(_ call: UpstreamCall) async throws -> UpstreamAnswer

    /// A keyed hash of the credential that calls are made with, by which a rotated credential is noticed; nil where
    /// there is no credential.
    ///
    /// - Throws: where the credential cannot be read.
    func credentialFingerprint() throws -> String?
}

extension UpstreamAPI {
    /// An API without a credential.
    public func credentialFingerprint() throws -> String? { nil }
}

/// Counts what goes over the wire.
public protocol UpstreamObserver: Sendable {
    /// One HTTP request has ended: each attempt and each followed redirect is one. Cancelled ones are not reported.
    ///
    /// - Parameters:
    ///   - code: the HTTP status; nil where no whole answer came.
    ///   - duration: from the request's start to the answer's last byte, in steady time.
    func requestFinished(code: Int?, duration: Duration)

    /// A call is about to be sent again.
    func retried()

    /// A response came.
    ///
    /// - Parameters:
    ///   - date: its `Date` field; nil where it has none that can be read.
    ///   - now: the clock when it came.
    func responded(date: Timestamp?, at now: Timestamp)
}
