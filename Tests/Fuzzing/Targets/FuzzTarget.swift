/// A reader of untrusted bytes, with the properties that must hold for all input.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Responses of WaveSpeedAI.
    case wavespeed
    /// Responses of FairStack.
    case fairstack
    /// Responses of Venice.ai.
    case venice
    /// Responses of CheapestInference.
    case cheapestinference
    /// Responses of useapi.net.
    case useapi
    /// The config file.
    case config
    /// The web config file.
    case webconfig
    /// `Accept` and `Accept-Encoding` of a scrape.
    case accept
    /// Round trip of label values, help texts and numbers through an exposition.
    case exposition

    /// Runs the reader on the bytes.
    ///
    /// - Throws: `BrokenProperty` if a property is violated; a trap is a finding, too.
    package func run(_ bytes: [UInt8]) throws {
        switch self {
        case .wavespeed, .fairstack, .venice, .cheapestinference, .useapi: try ProviderRun(rawValue, bytes).check()
        case .config: try ConfigurationRun(bytes).check()
        case .webconfig: try WebConfigurationRun(bytes).check()
        case .accept: try NegotiationRun(bytes).check()
        case .exposition: try ExpositionRun(bytes).check()
        }
    }
}
