import Foundation
import TestSupport

/// The config file of the five simulated accounts.
enum ProviderAccountsConfig {
    /// The file's text.
    ///
    /// - Parameters:
    ///   - baseURL: base URL of the five APIs.
    ///   - options: additional lines of each account.
    ///   - healthyURL: base URL of an additional WaveSpeedAI account, `healthy`; nil for none.
    static func text(baseURL: String, options: [String] = [], healthyURL: String? = nil) -> String {
        var lines = ["global: { zero_first: 0s, history: 1d }", "accounts:"]
        func add(_ name: String, _ provider: ProviderAccounts.Provider, at address: String) {
            lines.append("  - name: \(name)")
            lines += ["provider: \(provider)", "base_url: \(address)/\(provider)"].map { "    " + $0 }
            switch provider {
            case .cheapestinference:
                lines.append("    management_key: \(provider.token)")
                lines.append(
                    "    keys: [ { name: \(ProviderAccounts.key.name), api_key: \(ProviderAccounts.key.token) } ]")
            case .useapi:
                lines += ["    api_key: \(provider.token)", "    bots: [\(ProviderAccounts.bot)]"]
            case .wavespeed:
                // Outcomes by model need a query for each model.
                lines += ["    api_key: \(provider.token)", "    success_by_model: false"]
            case .fairstack, .venice:
                lines.append("    api_key: \(provider.token)")
            }
            lines += options.map { "    " + $0 }
        }
        for provider in ProviderAccounts.Provider.allCases { add(provider.rawValue, provider, at: baseURL) }
        if let healthyURL { add("healthy", .wavespeed, at: healthyURL) }
        return lines.joined(separator: "\n") + "\n"
    }
}
