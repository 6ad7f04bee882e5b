import ConfigReading
import ExporterCore
import Providers
import UsageModel

extension ConfiguredProvider {
    package static let wavespeed = ConfiguredProvider(WaveSpeed.self, WaveSpeedOptions(key: nil))
    package static let fairstack = ConfiguredProvider(FairStack.self, FairStackOptions(key: nil))
    package static let venice = ConfiguredProvider(Venice.self, VeniceOptions(key: nil))
    package static let cheapestinference = ConfiguredProvider(CheapestInference.self, CheapestInferenceOptions())
    package static let openrouter = ConfiguredProvider(OpenRouter.self, OpenRouterOptions())
    package static let useapi = ConfiguredProvider(UseAPI.self, UseAPIOptions(key: nil))
}

/// Options of single providers, for tests that know which provider an account has.
extension AccountConfiguration {
    package init(name: String, provider: ConfiguredProvider, credential: SecretSource?) {
        self.init(name: name, provider: provider)
        self.credential = credential
    }

    package var credential: SecretSource? {
        get { provider.options.credentials[.account] }
        set {
            edit(WaveSpeedOptions.self) { $0.key = newValue }
            edit(FairStackOptions.self) { $0.key = newValue }
            edit(VeniceOptions.self) { $0.key = newValue }
            edit(UseAPIOptions.self) { $0.key = newValue }
        }
    }

    package var managementKey: SecretSource? {
        get { provider.options.credentials[.management] }
        set {
            edit(CheapestInferenceOptions.self) { $0.managementKey = newValue }
            edit(OpenRouterOptions.self) { $0.managementKey = newValue }
        }
    }

    package var keys: [KeyConfiguration] {
        get {
            (provider.options as? FairStackOptions)?.keys ?? (provider.options as? CheapestInferenceOptions)?.keys
                ?? (provider.options as? OpenRouterOptions)?.keys ?? []
        }
        set {
            edit(FairStackOptions.self) { $0.keys = newValue }
            edit(CheapestInferenceOptions.self) { $0.keys = newValue }
            edit(OpenRouterOptions.self) { $0.keys = newValue }
        }
    }

    package var keyIDs: [String] {
        get { (provider.options as? CheapestInferenceOptions)?.keyIDs ?? [] }
        set { edit(CheapestInferenceOptions.self) { $0.keyIDs = newValue } }
    }

    package var endpoint: VeniceEndpointSetting? {
        get { (provider.options as? VeniceOptions)?.endpoint }
        set { edit(VeniceOptions.self) { $0.endpoint = newValue ?? .auto } }
    }

    package var bots: [String] {
        get { (provider.options as? UseAPIOptions)?.bots ?? [] }
        set { edit(UseAPIOptions.self) { $0.bots = newValue } }
    }

    package var prices: [String: ExactDecimal] {
        get { (provider.options as? UseAPIOptions)?.prices ?? [:] }
        set { edit(UseAPIOptions.self) { $0.prices = newValue } }
    }

    package var costByKey: Bool {
        get { (provider.options as? WaveSpeedOptions)?.costByKey ?? false }
        set { edit(WaveSpeedOptions.self) { $0.costByKey = newValue } }
    }

    package var successByModel: Bool {
        get { (provider.options as? WaveSpeedOptions)?.successByModel ?? true }
        set { edit(WaveSpeedOptions.self) { $0.successByModel = newValue } }
    }

    private mutating func edit<Options: ProviderOptions>(_ type: Options.Type, _ change: (inout Options) -> Void) {
        guard var options = provider.options as? Options else { return }
        change(&options)
        provider.options = options
    }
}
