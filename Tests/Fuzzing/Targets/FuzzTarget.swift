import TestSupport

/// A reader of untrusted bytes, with the properties that must hold for all input.
package enum FuzzTarget: Hashable, Sendable {
    /// Responses of a provider.
    case provider(TestedProvider)
    /// The config file.
    case config
    /// The web config file.
    case webconfig
    /// `Accept` and `Accept-Encoding` of a scrape.
    case accept
    /// Round trip of label values, help texts and numbers through an exposition.
    case exposition

    package static let all = TestedProvider.all.map(FuzzTarget.provider) + [.config, .webconfig, .accept, .exposition]

    /// Its name, and that of its folder of seeds.
    package var name: String {
        switch self {
        case .provider(let provider): provider.name
        case .config: "config"
        case .webconfig: "webconfig"
        case .accept: "accept"
        case .exposition: "exposition"
        }
    }

    /// Runs the reader on the bytes.
    ///
    /// - Throws: `BrokenProperty` if a property is violated; a trap is a finding, too.
    package func run(_ bytes: [UInt8]) throws {
        switch self {
        case .provider(let provider): try ProviderRun(provider, bytes).check()
        case .config: try ConfigurationRun(bytes).check()
        case .webconfig: try WebConfigurationRun(bytes).check()
        case .accept: try NegotiationRun(bytes).check()
        case .exposition: try ExpositionRun(bytes).check()
        }
    }
}
