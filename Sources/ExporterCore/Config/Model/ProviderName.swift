/// The providers that an account can be of: the values of `provider:` in the config file and of the label `provider`.
public enum ProviderName: String, Sendable, Hashable, CaseIterable {
    /// WaveSpeedAI.
    case wavespeed
    /// FairStack.
    case fairstack
    /// Venice.ai.
    case venice
    /// CheapestInference.
    case cheapestinference
    /// useapi.net.
    case useapi
}

/// Which endpoint of Venice's billing API is read (`endpoint:`).
public enum VeniceEndpoint: String, Sendable, Hashable, CaseIterable {
    /// The successor first, the older one where that is missing.
    case auto
    /// `GET /api/v1/billing/usage` alone.
    case usage
    /// `GET /api/v1/billing/usage-history` alone.
    case usageHistory = "usage-history"
}
