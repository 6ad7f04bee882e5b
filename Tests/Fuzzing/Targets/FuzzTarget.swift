/// Something of ours that reads bytes from outside, with what must hold whatever the bytes are.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Answers of WaveSpeedAI.
    case wavespeed
    /// Answers of FairStack.
    case fairstack
    /// Answers of Venice.ai.
    case venice
    /// Answers of CheapestInference.
    case cheapestinference
    /// Answers of useapi.net.
    case useapi
    /// The config file.
    case config
    /// The web config file.
    case webconfig
    /// `Accept` and `Accept-Encoding` of a scrape.
    case accept
    /// Label values, help texts and numbers on their way through an exposition and back.
    case exposition

    /// Runs the reader on the bytes.
    ///
    /// - Throws: `BrokenProperty` where something does not hold that should; a trap is a finding just as well.
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
