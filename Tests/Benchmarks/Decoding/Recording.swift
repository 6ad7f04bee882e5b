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
    /// As many rows of one bot in ten days, each an answer.
    case useapiTenDays = "useapi-ten-days"
    /// One hour of billing in pages of the size that the source asks for.
    case venice

    /// The moment of all answers: 2026-11-20T15:00:00Z.
    static let now = Timestamp(milliseconds: 1_795_186_800_000)

    /// The provider, as the config names it.
    var provider: String { self == .venice ? "venice" : "useapi" }

    /// Requests in the rows: an inference of Venice is two or three rows.
    var rows: Int {
        switch self {
        // One less than the API lists at most: a full list would be read again for each account.
        case .useapi, .useapiTenDays: 49_999
        case .venice: 40_000
        }
    }

    /// What a sync reads.
    var slices: [SliceID] {
        switch self {
        case .useapi: [SliceID(period: Self.now.day.period)]
        case .useapiTenDays:
            (0..<Self.days).map { SliceID(period: Self.now.day.advanced(by: -$0).period) }
        case .venice: [SliceID(period: Period(start: Self.now - .hours(1), end: Self.now))]
        }
    }

    /// The earliest moment of what is read.
    var start: Timestamp { slices.map(\.period.start).min() ?? Self.now }

    private static let days = 10

    /// The source of this project that reads it.
    func source(reading api: any UpstreamAPI) throws -> any UsageSource {
        var options = ProviderOptions()
        options.bots = ["google-flow"]
        options.veniceEndpoint = "usage-history"
        let name = self == .venice ? "usage" : "stats/google-flow"
        let sources = allProviders.first { $0.name == provider }?
            .sources(for: ProviderAccount(options: options) { _, _ in api })
        guard let source = sources?.first(where: { $0.name == name }) else {
            throw ValidationError("\(provider) has no source \(name)")
        }
        return source
    }

    /// Has the source read it from the simulated provider, and keeps the answers.
    ///
    /// - Returns: their size in bytes.
    func record(to folder: URL, in context: CountingVisit) async throws -> Int {
        let recorder: RecordingAPI
        switch self {
        case .useapi, .useapiTenDays:
            let store = UseAPIRequestStore(clock: Self.clock)
            store.add((0..<rows).map(generation))
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
        try await source(reading: recorder).sync(context)
        return recorder.bytes
    }

    private static let clock = FixedClock()

    private func generation(_ index: Int) -> UseAPIRequest {
        // The days take turns, so that each has as many rows.
        let day = Self.now.day.advanced(by: -(index % slices.count))
        let models = ["imagen-4", "nano-banana-pro", "veo-3.1-fast", "veo-3.1-upscale"]
        return UseAPIRequest(
            time: day.start + .milliseconds(index * 1000), bot: "google-flow",
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
