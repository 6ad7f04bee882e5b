import NIOConcurrencyHelpers
import UsageModel

/// One generation of a simulated OpenRouter account.
package struct OpenRouterCharge: Sendable, Hashable {
    package var time: Timestamp
    /// The hash of the key; nil for the web chat.
    package var key: String?
    /// The model's permanent slug; nil where the provider knows none.
    package var model: String?
    /// USD charged to the credits; negative for a discount.
    package var credits: ExactDecimal
    /// USD that another vendor bills for an own key.
    package var ownKey = ExactDecimal.zero
    package var prompt = 0
    /// The cached part of `prompt`.
    package var cached = 0
    package var completion = 0
    /// When it appears in the reports; its time if not given. The lifetime totals have it at once.
    package var visibleFrom: Timestamp

    package init(
        time: Timestamp, key: String?, model: String?, credits: ExactDecimal, visibleFrom: Timestamp? = nil
    ) {
        self.time = time
        self.key = key
        self.model = model
        self.credits = credits
        self.visibleFrom = visibleFrom ?? time
    }
}

/// A key of a simulated OpenRouter account.
package struct OpenRouterKey: Sendable, Hashable {
    /// 64 hexadecimal digits.
    package let hash: String
    package var name: String
    /// The secret, for `GET /api/v1/key`.
    package let token: String
    package let createdAt: Timestamp
    package var workspace = OpenRouterAccount.defaultWorkspace
    package var isDisabled = false
    package var expiresAt: Timestamp?
    /// USD per period; nil for no limit.
    package var limit: ExactDecimal?
    /// `daily`, `weekly`, `monthly`; nil for a limit of the key's lifetime.
    package var limitReset: String?

    /// A key whose hash begins with `id` and is filled up with zeros.
    package init(_ id: String, name: String, token: String, createdAt: Timestamp) {
        hash = id + String(repeating: "0", count: max(0, 64 - id.utf8.count))
        self.name = name
        self.token = token
        self.createdAt = createdAt
    }
}

/// The generations and keys of an account, and the part of them that the provider shows now.
package final class OpenRouterStore: Sendable {
    /// Traffic of one key, generated on first access.
    struct Source: Sendable {
        let key: String
        let traffic: TrafficGenerator
        /// Models of another vendor's own key.
        let ownKeyModels: Set<String>
    }

    private struct State {
        var charges: [Timestamp: [OpenRouterCharge]] = [:]
        var keys: [OpenRouterKey]
        var paidIn: ExactDecimal
        var generatedUpTo: Timestamp?
    }

    private let clock: any WallClock
    private let sources: [Source]
    private let state: NIOLockedValueBox<State>

    /// A store without traffic.
    package convenience init(clock: any WallClock, keys: [OpenRouterKey], paidIn: ExactDecimal) {
        self.init(clock: clock, keys: keys, paidIn: paidIn, sources: [])
    }

    init(clock: any WallClock, keys: [OpenRouterKey], paidIn: ExactDecimal, sources: [Source]) {
        self.clock = clock
        self.sources = sources
        state = NIOLockedValueBox(State(keys: keys, paidIn: paidIn))
    }

    package var keys: [OpenRouterKey] { state.withLockedValue { $0.keys } }

    package var paidIn: ExactDecimal { state.withLockedValue { $0.paidIn } }

    /// Changes a key, or removes it if `change` returns nil.
    package func changeKey(_ hash: String, _ change: (OpenRouterKey) -> OpenRouterKey?) {
        state.withLockedValue { $0.keys = $0.keys.compactMap { $0.hash == hash ? change($0) : $0 } }
    }

    /// Pays in USD.
    package func topUp(_ amount: ExactDecimal) { state.withLockedValue { $0.paidIn += amount } }

    /// Adds generations at any times, past or future.
    package func add(_ charges: [OpenRouterCharge]) {
        state.withLockedValue { state in
            for charge in charges { state.charges[charge.time.startOfHour, default: []].append(charge) }
        }
    }

    /// Changes the generations of a period; those for which `change` returns nil are removed.
    package func restate(_ period: Period, _ change: (OpenRouterCharge) -> OpenRouterCharge?) {
        withCharges { charges in
            for hour in charges.keys where hour < period.end && period.start < hour + .hours(1) {
                charges[hour] = charges[hour]?.compactMap { period.contains($0.time) ? change($0) : $0 }
            }
        }
    }

    /// The generations of a period that the reports show now.
    package func shown(in period: Period) -> [OpenRouterCharge] {
        let now = clock.now
        return charges(in: period).filter { $0.visibleFrom <= now }
    }

    /// The generations of a period up to now, including those that no report shows yet.
    package func charges(in period: Period) -> [OpenRouterCharge] {
        let now = clock.now
        return withCharges { charges in
            charges.filter { $0.key < period.end && period.start < $0.key + .hours(1) }.values.joined()
                .filter { period.contains($0.time) && $0.time <= now }
        }
    }

    /// USD charged since the account's creation, of one key or of all.
    package func lifetime(ofKey key: String? = nil, _ amount: (OpenRouterCharge) -> ExactDecimal = \.credits)
        -> ExactDecimal
    {
        let all = charges(in: Period(start: Timestamp(milliseconds: .min / 2), end: clock.now + .milliseconds(1)))
        return all.filter { key == nil || $0.key == key }.reduce(.zero) { $0 + amount($1) }
    }

    private func withCharges<Value>(_ body: (inout [Timestamp: [OpenRouterCharge]]) -> Value) -> Value {
        state.withLockedValue { state in
            let now = clock.now
            for source in sources {
                var hour = state.generatedUpTo ?? source.traffic.start
                while hour <= now {
                    for event in source.traffic.events(inHourOf: hour) {
                        state.charges[hour, default: []].append(Self.charge(for: event, of: source))
                    }
                    hour = hour + .hours(1)
                }
            }
            if let start = sources.first?.traffic.start {
                state.generatedUpTo = max(state.generatedUpTo ?? start, now.startOfHour + .hours(1))
            }
            return body(&state.charges)
        }
    }

    private static func charge(for event: UsageEvent, of source: Source) -> OpenRouterCharge {
        let isOwn = source.ownKeyModels.contains(event.model)
        // With an own key the provider charges a fee of 5 %.
        var charge = OpenRouterCharge(
            time: event.time, key: source.key, model: event.model,
            credits: isOwn ? ExactDecimal("\(event.cost * 5)e-2") ?? .zero : event.cost, visibleFrom: event.visibleFrom)
        if isOwn { charge.ownKey = event.cost }
        let units = Int(event.time.milliseconds % 7) + 1
        charge.prompt = 400 * units
        charge.cached = event.time.milliseconds % 3 == 0 ? 250 * units : 0
        charge.completion = event.succeeded ? 90 * units : 0
        return charge
    }
}
