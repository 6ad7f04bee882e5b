import ConfigReading
import Providers
import ExporterTestSupport
import Logging
import NIOConcurrencyHelpers
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// One simulated FairStack account in its own exporter.
struct FairStackRig {
    static let keys = [KeyConfiguration(name: "web", id: "key_web"), KeyConfiguration(name: "batch", id: "key_batch")]
    static let account = "stack"

    let clock: ManualClock
    let store: FairStackStore
    let server: SimulatorServer
    let rig: ExporterRig

    /// Runs a body with a simulated account `stack` whose ledger begins six days ago.
    static func run(
        at now: Timestamp = friday, keys: [KeyConfiguration] = keys, isolation: isolated (any Actor)? = #isolation,
        simulated: (inout FairStackAccount) -> Void = { _ in },
        adjust: (inout ExporterConfiguration) -> Void = { _ in }, _ body: (FairStackRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(now)
        let store = FairStackStore(clock: clock)
        // The account has a second key, for rotation.
        let accounts = ["test-token-stack", "test-token-rotated"].map { token in
            var account = FairStackAccount(name: Self.account, token: token, store: store)
            account.keyIDs = Set(Self.keys.compactMap(\.id))
            simulated(&account)
            return account
        }
        try await withTemporaryFolder { folder in
            try await withSimulator([FairStackAPI(accounts: accounts)], clock: clock) { server, baseURL in
                var configuration = configuration(at: baseURL, keys: keys)
                adjust(&configuration)
                try await body(
                    FairStackRig(
                        clock: clock, store: store, server: server,
                        rig: ExporterRig(clock: clock, folder: folder, configuration: configuration)))
            }
        }
    }

    static func configuration(at baseURL: String, keys: [KeyConfiguration]) -> ExporterConfiguration {
        var configured = AccountConfiguration(
            name: account, provider: .fairstack, credential: .literal("test-token-stack"))
        configured.baseURL = baseURL + "/fairstack"
        configured.history = .days(6)
        configured.keys = keys
        return ExporterConfiguration(accounts: [configured])
    }

    /// The same storage and provider with other keys in the config.
    func with(keys: [KeyConfiguration]) -> ExporterRig {
        var configuration = rig.configuration
        configuration.accounts[0].keys = keys
        return ExporterRig(clock: clock, folder: rig.folder, configuration: configuration)
    }

    /// Syncs twice, so that series created by the first sync have been served as 0 long enough at the second.
    func syncPastZeroFirst(
        _ exporter: Exporter, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Scrape {
        for _ in 0..<2 {
            clock.advance(by: .minutes(2))
            #expect(try await exporter.syncOnce())
            _ = try exporter.scrape()
        }
        return try exporter.scrape()
    }

    /// All usage that the provider shows now, from the ledger's start on.
    var truth: FairStackTruth {
        store.truth(in: Period(start: (friday - .days(6)).day.start, end: clock.now + .days(1)))
    }

    /// The number of requests to an endpoint so far.
    func asked(_ endpoint: String) -> Int { server.log.requests.filter { $0.endpoint == endpoint }.count }
}

/// Asserts that all usage families of a scrape exactly equal the provider's, by every label.
func expectTruth(
    _ truth: FairStackTruth, in scrape: Scrape, keys: [KeyConfiguration] = FairStackRig.keys,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let names = Dictionary(uniqueKeysWithValues: keys.map { ($0.id, $0.name) })
    var cost: [[String]: ExactDecimal] = [:]
    var count: [[String]: ExactDecimal] = [:]
    var keyCost: [[String]: ExactDecimal] = [:]
    for (labels, amount) in truth.cost {
        let key = names[labels.key] ?? ""
        cost[[key, labels.model], default: .zero] += amount
        keyCost[[key], default: .zero] += amount
    }
    for (labels, successes) in truth.successes {
        count[[names[labels.key] ?? "", labels.model], default: .zero] += ExactDecimal(successes)
    }
    let failures = truth.failures.map { (["", $0.key, "failure"], ExactDecimal($0.value)) }
    let successes = count.map { ($0.key + ["success"], $0.value) }
    let unlisted = truth.cost.filter { $0.key.model.isEmpty }.values.reduce(.zero, +)
    let expected: [(String, [String], [[String]: ExactDecimal])] = [
        ("genai_cost_usd_total", ["key", "model"], cost), ("genai_requests_total", ["key", "model"], count),
        (
            "genai_request_outcomes_total", ["key", "model", "outcome"],
            Dictionary(uniqueKeysWithValues: successes + failures)
        ),
        ("genai_key_cost_usd_total", ["key"], keys.isEmpty ? [:] : keyCost),
        ("genai_modality_cost_usd_total", ["modality"], by(truth.modalityCost)),
        ("genai_modality_requests_total", ["modality"], by(truth.modalityCount.mapValues { ExactDecimal($0) })),
        ("genai_topups_usd_total", [], [[]: truth.topUps]), ("genai_refunds_usd_total", [], [[]: truth.refunds]),
        ("genai_reconciliation_difference_usd", [], [[]: unlisted]),
    ]
    for (family, labels, values) in expected {
        var found: [[String]: Double] = [:]
        for sample in scrape.samples(family) where sample.value != 0 {
            found[labels.map { sample.labels[$0, default: ""] }] = sample.value
        }
        let wanted = values.filter { !$0.value.isZero }.mapValues(\.doubleValue)
        #expect(found == wanted, "\(family)", sourceLocation: sourceLocation)
    }
}

private func by(_ values: [String: ExactDecimal]) -> [[String]: ExactDecimal] {
    Dictionary(uniqueKeysWithValues: values.map { ([$0.key], $0.value) })
}

/// Realistic transactions: unusual names and prices, failures, refunds, top-ups, and generations without a model.
struct FairStackTraffic {
    static let models = [
        "z-image-turbo", "gpt-image-1.5-t2i", "wan-2-1-t2v", "quote\"back\\slash\nline", "модель-é", "",
    ]

    let random: SeededRandom
    /// The statuses of generations, each as frequent as it is listed.
    var statuses = ["completed", "completed", "completed", "completed", "failed", "refunded"]
    /// The modality of each model.
    var modalities = ["image", "image", "video", "voice", "", "music"]

    /// `count` transactions spread over a period.
    func transactions(_ count: Int, in period: Period) -> [FairStackTransaction] {
        (0..<count).map { _ in
            let length = Int(period.end.milliseconds - period.start.milliseconds)
            let time = Timestamp(milliseconds: period.start.milliseconds + Int64(random.int(0...(length - 1))))
            let id = "t_\(random.next())"
            switch random.int(0...99) {
            case 0:
                return FairStackTransaction(id: id, kind: .topUp, time: time, micro: -random.int(1...20) * 1_000_001)
            case 1: return FairStackTransaction(id: id, kind: .refund, time: time, micro: -random.int(1...9999))
            default: return generation(id, at: time)
            }
        }
    }

    func generation(_ id: String, at time: Timestamp) -> FairStackTransaction {
        let index = random.int(0...(Self.models.count - 1))
        return FairStackTransaction(
            id: id, time: time, key: [nil, "key_web", "key_batch"][random.int(0...2)], model: Self.models[index],
            modality: modalities[index], micro: random.int(1...99_999),
            status: statuses[random.int(0...(statuses.count - 1))])
    }
}

/// A clock that advances a little on each read, and to the end of each sleep: time passes while an exporter reads.
final class LivingClock: WallClock {
    private let time: NIOLockedValueBox<Timestamp>

    init(_ start: Timestamp) {
        time = NIOLockedValueBox(start)
    }

    var now: Timestamp {
        time.withLockedValue { time in
            time = time + .milliseconds(40)
            return time
        }
    }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let end = now + duration
        time.withLockedValue { $0 = max($0, end) }
        await Task.yield()
    }
}
