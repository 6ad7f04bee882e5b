import ConfigReading
import Providers
import UsageModel

/// Syncs one source of a provider with an API that responds with the fuzzed bytes.
///
/// The first byte selects the source (`0` is the first one); the rest is an `AnswerScript`.
struct ProviderRun {
    private let script: AnswerScript
    private let source: any UsageSource
    private let context: CheckedVisit

    /// - Throws: `BrokenProperty` if the provider does not exist.
    init(_ provider: String, _ bytes: [UInt8]) throws(BrokenProperty) {
        script = AnswerScript(bytes.dropFirst())
        let sources = Self.sources(of: provider, script)
        try ensure(!sources.isEmpty, "there is no provider \(provider)")
        source = sources[Int((bytes.first ?? 0) &- UInt8(ascii: "0")) % sources.count]
        context = CheckedVisit(of: source)
    }

    /// Runs a sync per scripted sync, at least two, because the second reads the state that the first one stored.
    ///
    /// - Throws: `BrokenProperty`.
    func check() throws {
        for sync in 0..<min(max(script.count, 2), 4) {
            script.begin(sync: sync)
            let outcome = Outcome()
            try InlineExecutor.run { [source, context] in
                do {
                    try await source.sync(context)
                } catch {
                    outcome.error.withLockedValue { $0 = error }
                }
            }
            if let broken = context.broken { throw broken }
            if let error = outcome.error.withLockedValue({ $0 }) { try check(error) }
            context.proceed()
        }
    }

    /// Checks that the failure has a readable reason, and that it was not caused by stored state.
    private func check(_ error: any Error) throws(BrokenProperty) {
        guard let failure = error as? any ReasonedFailure else {
            throw BrokenProperty(description: "a sync ended with \(error), which has no reason")
        }
        try ensure(line: failure.message)
        try ensure(failure.reason != .storage, "a sync cannot read its stored state: \(failure.message)")
    }

    /// Every source of a provider, with each of its request variants.
    private static func sources(of provider: String, _ script: AnswerScript) -> [any UsageSource] {
        options[provider, default: []].flatMap { $0.sources(for: ProviderAccount { _, _ in script }) }
    }

    private static let options: [String: [any ProviderOptions]] = {
        var waveSpeed = WaveSpeedOptions(key: nil)
        waveSpeed.successByModel = false
        waveSpeed.costByKey = true
        var fairStack = FairStackOptions(key: nil)
        fairStack.keys = [
            KeyConfiguration(name: "web", id: "key_web"), KeyConfiguration(name: "batch", id: "key_batch"),
        ]
        var venice = [VeniceOptions(key: nil), VeniceOptions(key: nil)]
        venice[1].endpoint = .usage
        var inference = [
            CheapestInferenceOptions(managementKey: .literal("mk")),
            CheapestInferenceOptions(managementKey: .literal("mk")),
        ]
        inference[0].keys = ["web", "batch"].map { KeyConfiguration(name: $0, credential: .literal("sk-\($0)")) }
        inference[1].keyIDs = ["key-uuid", "key_batch"]
        var useAPI = UseAPIOptions(key: nil)
        useAPI.bots = ["google-flow"]
        useAPI.prices = ["imagen-4": ExactDecimal(micros: 20_000), "google-flow": ExactDecimal(2)]
        return [
            WaveSpeed.name: [WaveSpeedOptions(key: nil), waveSpeed],
            FairStack.name: [fairStack, FairStackOptions(key: nil)], Venice.name: venice,
            CheapestInference.name: inference, UseAPI.name: [useAPI],
        ]
    }()
}
