import Providers
import UsageModel

/// Syncs of one source of a provider with an API that answers with the fuzzed bytes.
///
/// The first byte chooses the source (`0` is the first one); the rest is an `AnswerScript`.
struct ProviderRun {
    private let script: AnswerScript
    private let source: any UsageSource
    private let context: CheckedVisit

    /// - Throws: `BrokenProperty` where there is no provider of this name.
    init(_ provider: String, _ bytes: [UInt8]) throws(BrokenProperty) {
        script = AnswerScript(bytes.dropFirst())
        let sources = Self.sources(of: provider, script)
        try ensure(!sources.isEmpty, "there is no provider \(provider)")
        source = sources[Int((bytes.first ?? 0) &- UInt8(ascii: "0")) % sources.count]
        context = CheckedVisit(of: source)
    }

    /// Syncs as often as there are answers for, and at least twice, since the second meets what the first one left.
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

    /// A sync ends well or with a reason that can be read, and never for what an earlier one remembered.
    private func check(_ error: any Error) throws(BrokenProperty) {
        guard let failure = error as? any ReasonedFailure else {
            throw BrokenProperty(description: "a sync ended with \(error), which has no reason")
        }
        try ensure(line: failure.message)
        try ensure(failure.reason != .storage, "a sync cannot read what it remembered: \(failure.message)")
    }

    /// Every source of a provider, those with several ways to ask in each of them.
    private static func sources(of provider: String, _ script: AnswerScript) -> [any UsageSource] {
        var options = ProviderOptions()
        options.keys = [
            ProviderOptions.Key(name: "web", id: "key_web", hasCredential: true),
            ProviderOptions.Key(name: "batch", id: "key_batch", hasCredential: true),
        ]
        options.hasManagementKey = true
        options.bots = ["google-flow"]
        options.prices = ["imagen-4": ExactDecimal(micros: 20_000), "google-flow": ExactDecimal(2)]
        var others = options
        others.keyIDs = ["key-uuid", "key_batch"]
        others.veniceEndpoint = "usage"
        others.keys = []
        others.successByModel = false
        let type = allProviders.first { $0.name == provider }
        return [options, others].flatMap { options in
            type?.sources(for: ProviderAccount(options: options) { _, _ in script }) ?? []
        }
    }
}
