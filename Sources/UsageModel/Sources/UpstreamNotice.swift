/// What an API says about an endpoint's future, in header fields or by having closed it.
public struct UpstreamNotice: Sendable, Hashable {
    /// Whether the endpoint is deprecated by now, or gone.
    public let isDeprecated: Bool
    /// When it stops, or stopped, to answer; nil where the API says nothing.
    public let sunset: Timestamp?

    /// What is known of an endpoint's future.
    public init(isDeprecated: Bool, sunset: Timestamp? = nil) {
        self.isDeprecated = isDeprecated
        self.sunset = sunset
    }
}

extension SyncVisit {
    /// Visits outside the exporter need not keep notices.
    public func notice(_ notice: UpstreamNotice) {}
}
