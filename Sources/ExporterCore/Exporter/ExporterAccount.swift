import Upstream
import UsageLedger

/// A configured account as readers address it.
public struct AccountPlace: Sendable, Hashable {
    /// The label `account`.
    public let name: String
    /// The label `provider`.
    public let provider: String
    /// Its place among the accounts, by which a snapshot knows it.
    public let index: Int
}

/// A configured account at work.
struct ExporterAccount: Sendable {
    let id: AccountID
    /// Its place, by which the renderer knows it.
    let index: Int
    let configuration: AccountConfiguration
    let provider: String
    let exposition: AccountExposition
    let runners: [SourceRunner]
    let skew: ClockSkew
    /// How its API is reached.
    let upstream: UpstreamSettings

    var name: String { configuration.name }

    /// Days that an operator wants read again are not forgotten where the config changed before they were read.
    func takeRequests(of earlier: ExporterAccount) async {
        for runner in runners {
            guard let other = earlier.runners.first(where: { $0.name == runner.name }) else { continue }
            await runner.takeRequest(of: other)
        }
    }

    func overview() async throws -> AccountOverview {
        var sources: [AccountOverview.Source] = []
        for runner in runners {
            sources.append(
                AccountOverview.Source(
                    name: runner.name, status: await runner.status, reportsUsage: runner.reportsUsage))
        }
        return try await exposition.overview(sources: sources)
    }
}
