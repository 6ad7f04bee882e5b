import ConfigReading
import ArgumentParser
import ExporterCore
import Foundation
import Logging
import ProviderSimulator
import Providers
import UsageModel

/// One round: syncs of one changed value, from the request to the provider up to the new page, on a stored ledger.
///
/// The provider is the simulator in this process, over HTTP; its share does not depend on the length of the page.
struct PageRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "page-run", shouldDisplay: false)

    /// Models that the account uses today; each sync is preceded by one more request of one of them.
    static let models = 25

    @Option(help: "The stored ledger; it is modified.")
    var folder: String

    @Option(help: "Number of measured syncs.")
    var syncs = 50

    func run() async throws {
        let clock = SystemClock()
        let store = UsageEventStore(clock: clock)
        store.add((0..<Self.models).map { Self.event($0, at: clock.now) })
        let account = WaveSpeedAccount(
            name: StoredLedger.account, token: "benchmark", store: store,
            balance: PrepaidBalance(opening: ExactDecimal(1_000_000)))
        let seconds = try await withSimulator([WaveSpeedAPI(accounts: [account])], clock: clock) { _, baseURL in
            try await measure(store, baseURL + "/wavespeed", clock)
        }
        try Median(of: seconds).print()
    }

    private func measure(_ store: UsageEventStore, _ baseURL: String, _ clock: SystemClock) async throws -> [Double] {
        var options = WaveSpeedOptions(key: .literal("benchmark"))
        // A single request per sync: only the work after it is measured.
        options.successByModel = false
        var account = AccountConfiguration(
            name: StoredLedger.account, provider: ConfiguredProvider(WaveSpeed.self, options))
        account.baseURL = baseURL
        account.seriesLimit = 10_000_000
        var configuration = ExporterConfiguration(accounts: [account])
        configuration.global.windows = []
        // A new series shows its value immediately, so that each sync changes the page.
        configuration.global.zeroFirst = .zero
        let logger = Logger(label: "benchmark", factory: { _ in SwiftLogNoOpLogHandler() })
        let exporter = try await Exporter(
            configuration, storage: folder, environment: Exporter.Environment(logger: logger))
        guard try await exporter.syncOnce() else { throw ValidationError("the first sync failed") }
        var seconds: [Double] = []
        for number in 0..<syncs {
            let before = Self.page(of: exporter)
            store.add(Self.event(number, at: clock.now))
            let begun = ContinuousClock.now
            guard try await exporter.syncOnce() else { throw ValidationError("a sync failed") }
            seconds.append((ContinuousClock.now - begun).inSeconds)
            guard Self.page(of: exporter) != before else { throw ValidationError("a sync did not change the page") }
        }
        try await exporter.close()
        return seconds
    }

    /// The lines of the models in use: the last page of the family.
    private static func page(of exporter: Exporter) -> [UInt8] {
        let family = SnapshotSelection(names: ["genai_requests_total"])
        let body = try? exporter.store.current.body(.text004, .identity, of: family)
        return body?.parts.suffix(2).flatMap { Array($0.readableBytesView) } ?? []
    }

    private static func event(_ number: Int, at time: Timestamp) -> UsageEvent {
        UsageEvent(
            time: time, model: "wavespeed-ai/flux-\(number % models)", modality: "text-to-image",
            unitPrice: ExactDecimal(micros: 12_000), cost: ExactDecimal(micros: 12_000))
    }
}
