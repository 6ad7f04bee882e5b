import UsageLedger
import UsageModel

/// A configured account at work.
struct ExporterAccount: Sendable {
    let id: AccountID
    let name: String
    let provider: String
    let exposition: AccountExposition
    let runners: [SourceRunner]

    func overview() async -> AccountOverview {
        var sources: [AccountOverview.Source] = []
        for runner in runners {
            sources.append(AccountOverview.Source(name: runner.name, status: await runner.status))
        }
        return AccountOverview(name: name, provider: provider, sources: sources)
    }
}

/// An account as a person sees it.
public struct AccountOverview: Sendable {
    /// One upstream endpoint.
    public struct Source: Sendable {
        /// The endpoint's name.
        public let name: String
        /// How its syncs go.
        public let status: SyncStatus
    }

    /// The account's name.
    public let name: String
    /// The provider's name.
    public let provider: String
    /// Its endpoints.
    public let sources: [Source]
}
