import Foundation
import ProviderSimulator
import TestSupport
import UsageModel

/// The machine's clock, for programs that run in real time.
struct RealClock: WallClock {
    var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

/// A simulated WaveSpeedAI account, a config file for it and a storage folder.
struct SimulatedAccount {
    let events: UsageEventStore
    let server: SimulatorServer
    let folder: String

    var storage: String { folder + "/data" }
    var configFile: String { folder + "/config.yml" }
    var serveArguments: [String] { ["serve", "--config.file", configFile, "--storage.path", storage] }
    var environment: [String: String] { ["WAVESPEED_API_KEY": "test-token-media"] }

    static func run(
        interval: String = "1s", seriesLimit: Int = 5_000, isolation: isolated (any Actor)? = #isolation,
        _ body: (SimulatedAccount) async throws -> Void
    ) async throws {
        let clock = RealClock()
        let events = UsageEventStore(clock: clock)
        let account = WaveSpeedAccount(
            name: "media", token: "test-token-media", store: events,
            balance: PrepaidBalance(opening: ExactDecimal(100)))
        try await withTemporaryFolder { folder in
            try await withSimulator([WaveSpeedAPI(accounts: [account])], clock: clock) { server, baseURL in
                let account = SimulatedAccount(events: events, server: server, folder: folder)
                try """
                global: { zero_first: 0s, history: 4d, series_limit: \(seriesLimit) }
                accounts:
                  - name: media
                    provider: wavespeed
                    api_key_env: WAVESPEED_API_KEY
                    base_url: \(baseURL)/wavespeed
                    sync_interval: \(interval)
                    success_by_model: false
                """.write(toFile: account.configFile, atomically: true, encoding: .utf8)
                try await body(account)
            }
        }
    }
}
