import Providers
import Upstream
import UsageModel

extension AccountConfiguration {
    /// The sources of the account, without a connection to its API: they only describe what they report.
    var unconnectedSources: [any UsageSource] {
        provider.options.sources(for: ProviderAccount { _, _ in UnconnectedAPI() })
    }
}

private struct UnconnectedAPI: UpstreamAPI {
    func send(_ call: UpstreamCall) async throws -> UpstreamResponse { throw CancellationError() }
}
