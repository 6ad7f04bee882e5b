/// The config file of the simulated accounts, one per provider.
package enum ProviderAccountsConfig {
    /// The file's text.
    ///
    /// - Parameters:
    ///   - baseURL: base URL of the APIs.
    ///   - options: additional lines of each account.
    ///   - healthyURL: base URL of an additional WaveSpeedAI account, `healthy`; nil for none.
    package static func text(baseURL: String, options: [String] = [], healthyURL: String? = nil) -> String {
        var lines = ["global: { zero_first: 0s, history: 1d }", "accounts:"]
        func add(_ name: String, _ provider: TestedProvider, at address: String) {
            lines.append("  - name: \(name)")
            let section = ["provider: \(provider)", "base_url: \(address)/\(provider)"] + provider.settings + options
            lines += section.map { "    " + $0 }
        }
        for provider in TestedProvider.all { add(provider.name, provider, at: baseURL) }
        if let healthyURL { add("healthy", .wavespeed, at: healthyURL) }
        return lines.joined(separator: "\n") + "\n"
    }
}
