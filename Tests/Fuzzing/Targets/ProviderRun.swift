import ExporterCore
import Providers
import TestSupport
import UsageModel

/// Syncs one source of a provider with an API that responds with the fuzzed bytes.
///
/// The first byte selects the source (`0` is the first one); the rest is an `AnswerScript`.
struct ProviderRun {
    private let script: AnswerScript
    private let source: any UsageSource
    private let context: CheckedVisit

    /// - Throws: `ConfigurationProblems` if the provider's options are not valid.
    init(_ provider: TestedProvider, _ bytes: [UInt8]) throws {
        script = AnswerScript(bytes.dropFirst())
        let sources = try Self.sources(of: provider, script)
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
    private static func sources(of provider: TestedProvider, _ script: AnswerScript) throws -> [any UsageSource] {
        try options[provider, default: .success([])].get().flatMap {
            $0.sources(for: ProviderAccount { _, _ in script })
        }
    }

    /// The options of each provider's accounts, read once for all inputs.
    private static let options = Dictionary(
        uniqueKeysWithValues: TestedProvider.all.map { provider in
            (provider, Result { try provider.fuzzedSettings.map { try options(of: provider, settings: $0) } })
        })

    private static func options(of provider: TestedProvider, settings: [String]) throws -> any ProviderOptions {
        let lines = ["accounts:", "  - name: fuzzed", "    provider: \(provider)"] + settings.map { "    " + $0 }
        let configuration = try ExporterConfiguration.load(
            path: "config.yml", environment: [:], today: UTCDay(daysSinceEpoch: 20_000),
            files: StagedFiles(contents: ["config.yml": Array(lines.joined(separator: "\n").utf8)]))
        return configuration.accounts[0].provider.options
    }
}
