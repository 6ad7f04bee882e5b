import UsageLedger

/// A configured account at work.
struct ExporterAccount: Sendable {
    let id: AccountID
    let name: String
    let provider: String
    let exposition: AccountExposition
    let runners: [SourceRunner]

    func overview() async throws -> AccountOverview {
        var sources: [AccountOverview.Source] = []
        for runner in runners {
            sources.append(AccountOverview.Source(name: runner.name, status: await runner.status))
        }
        return try await exposition.overview(sources: sources)
    }
}
