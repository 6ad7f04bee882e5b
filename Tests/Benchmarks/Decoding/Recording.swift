import ArgumentParser
import Foundation
import ProviderSimulator
import Providers
import UsageModel
import Upstream

/// Answers that are measured: made by the simulated providers, so that every run measures the same bytes.
enum Recording: String, CaseIterable {
    /// One bot's day, which the API gives in one answer.
    case useapi
    /// One hour of billing in pages of the size that the source asks for.
    case venice

    /// The moment of all answers: 2026-11-20T15:00:00Z.
    static let now = Timestamp(milliseconds: 1_795_186_800_000)

    var description: String {
        switch self {
        case .useapi: "50,000 of useapi.net"
        case .venice: "100,000 of Venice.ai"
        }
    }

    /// Requests in the rows: an inference of Venice is two or three rows.
    var rows: Int {
        switch self {
        case .useapi: 50_000
        case .venice: 40_000
        }
    }

    /// What a sync reads.
    var slices: [SliceID] {
        switch self {
        case .useapi: [SliceID(period: Self.now.day.period)]
        case .venice: [SliceID(period: Period(start: Self.now - .hours(1), end: Self.now))]
        }
    }

    /// The source of this project that reads it.
    func source(reading api: any UpstreamAPI) throws -> any UsageSource {
        var options = ProviderOptions()
        options.bots = ["google-flow"]
        options.veniceEndpoint = "usage-history"
        let name = self == .useapi ? "stats/google-flow" : "usage"
        let sources = allProviders.first { $0.name == rawValue }?
            .sources(for: ProviderAccount(options: options) { _, _ in api })
        guard let source = sources?.first(where: { $0.name == name }) else {
            throw ValidationError("\(rawValue) has no source \(name)")
        }
        return source
    }

    /// Has the source read it from the simulated provider, and keeps the answers.
    ///
    /// - Returns: their size in bytes.
    func record(to folder: URL) async throws -> Int {
        let recorder: RecordingAPI
        switch self {
        case .useapi:
            let store = UseAPIRequestStore(clock: Self.clock)
            store.add((0..<rows).map(Self.generation))
            recorder = RecordingAPI(
                UseAPIAPI(accounts: [UseAPIAccount(name: "clips", token: "clips", store: store)]), account: "clips",
                folder: folder)
        case .venice:
            let store = VeniceBillingStore(clock: Self.clock)
            store.add((0..<rows).map(Self.charge))
            let account = VeniceAccount(
                name: "assistant", adminToken: "assistant", store: store,
                balance: PrepaidBalance(opening: ExactDecimal(100)))
            recorder = RecordingAPI(VeniceAPI(accounts: [account]), account: "assistant", folder: folder)
        }
        try await source(reading: recorder).sync(CountingVisit(slices))
        return recorder.bytes
    }

    private static let clock = FixedClock()

    private static func generation(_ index: Int) -> UseAPIRequest {
        let models = ["imagen-4", "nano-banana-pro", "veo-3.1-fast", "veo-3.1-upscale"]
        return UseAPIRequest(
            time: now.day.start + .milliseconds(index * 1000), bot: "google-flow",
            config: "flow-\(index % 23)@example.com", endpoint: index % 3 == 0 ? "post-videos" : "post-images",
            code: index % 11 == 0 ? 403 : 200, milliseconds: 900 + index * 37 % 90_000, model: models[index % 4],
            captchaProviders: ["CapSolver"], captchaRetries: index % 3, tier: "PAYGATE_TIER_TWO", sku: "WS_ULTRA")
    }

    private static func charge(_ index: Int) -> VeniceCharge {
        var charge = VeniceCharge(
            id: "chatcmpl-\(1_000_000 + index)", time: now - .hours(1) + .milliseconds(index * 85),
            model: ["zai-org-glm-5-1", "llama-3.3-70b", "claude-opus-4-8"][index % 3],
            work: .tokens(prompt: 400 + index % 3000, cached: index % 2 * 200, completion: 90 + index % 700),
            unitPrice: ExactDecimal(micros: 175_000))
        charge.milliseconds = 700 + index % 9000
        return charge
    }
}

/// The recorded moment, for ever.
private struct FixedClock: WallClock {
    var now: Timestamp { Recording.now }
    func sleep(for duration: Duration) async throws {}
}
