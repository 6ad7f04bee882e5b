import NIOConcurrencyHelpers
import UsageModel

/// Requests of a simulated account to one model and with one key, and what they cost.
package struct OpenAIUse: Sendable, Hashable {
    /// An amount under the text that names it in `costs`.
    package struct Line: Sendable, Hashable {
        /// Nil for an amount of no line item.
        package let item: String?
        /// USD; negative for a credit.
        package let amount: ExactDecimal

        package init(_ item: String?, _ amount: ExactDecimal) {
            self.item = item
            self.amount = amount
        }
    }

    package var time: Timestamp
    /// Nil for usage of no key, such as the playground's.
    package var keyID: String?
    package var projectID = "proj_demo"
    /// The last part of the path under `usage`; nil for a charge without requests.
    package var endpoint: String? = "completions"
    package var model: String
    package var requests = 1
    /// Includes the tokens that were read from the cache and written to it.
    package var input = 0
    package var cached = 0
    package var written = 0
    package var output = 0
    package var lines: [Line]
    /// The time from which the API shows it.
    package var visibleFrom: Timestamp

    package init(time: Timestamp, keyID: String?, model: String, lines: [Line]) {
        self.time = time
        self.keyID = keyID
        self.model = model
        self.lines = lines
        visibleFrom = time
    }

    /// A request to a language model.
    ///
    /// - Parameter price: of a million cached tokens, in USD. Other input costs ten times that, tokens written to the cache
    ///   twelve times, and output forty times.
    package init(
        time: Timestamp, keyID: String?, model: String, input: Int, cached: Int = 0, written: Int = 0, output: Int,
        price: ExactDecimal, tier: String = ""
    ) {
        func line(_ kind: String, _ factor: Int, _ tokens: Int) -> Line? {
            // price × tokens / 10^6, exactly.
            tokens == 0 ? nil : Line("\(tier)\(model), \(kind)", ExactDecimal("\(price * factor * tokens)e-6") ?? .zero)
        }
        let lines = [
            line("input", 10, input - cached - written), line("cached input", 1, cached),
            line("cache writes", 12, written), line("output", 40, output),
        ]
        self.init(time: time, keyID: keyID, model: model, lines: lines.compactMap { $0 })
        self.input = input
        self.cached = cached
        self.written = written
        self.output = output
    }
}

/// The usage of a simulated account, and the part of it that the API shows now.
///
/// With `traffic` the store also holds generated requests, generated on first access.
package final class OpenAIStore: Sendable {
    /// Identifies a use for a later change.
    package struct UseID: Sendable, Hashable {
        let day: UTCDay
        let index: Int
    }

    private struct State {
        var days: [UTCDay: [OpenAIUse?]] = [:]
        var generatedUpTo: Timestamp?

        @discardableResult
        mutating func add(_ use: OpenAIUse) -> UseID {
            let day = use.time.day
            days[day, default: []].append(use)
            return UseID(day: day, index: (days[day]?.count ?? 1) - 1)
        }
    }

    private let clock: any WallClock
    private let traffic: OpenAITraffic?
    private let state = NIOLockedValueBox(State())

    /// A store with only the requests of `traffic`.
    package init(clock: any WallClock, traffic: OpenAITraffic? = nil) {
        self.clock = clock
        self.traffic = traffic
    }

    /// Adds usage at any time, past or future.
    @discardableResult
    package func add(_ use: OpenAIUse) -> UseID {
        state.withLockedValue { $0.add(use) }
    }

    /// The provider restates usage of the same day, or removes it (nil).
    package func replace(_ id: UseID, by use: OpenAIUse?) {
        state.withLockedValue { $0.days[id.day]?[id.index] = use }
    }

    /// The usage of a day that the API shows now.
    package func uses(on day: UTCDay) -> [OpenAIUse] {
        state.withLockedValue { state in
            // Read inside the lock: otherwise two readers could move the store's time backwards.
            let now = clock.now
            if let traffic {
                var hour = state.generatedUpTo ?? traffic.start
                while hour <= now {
                    for use in traffic.uses(inHourOf: hour) { state.add(use) }
                    hour = hour + .hours(1)
                }
                state.generatedUpTo = hour
            }
            return (state.days[day] ?? []).compactMap { $0 }.filter { max($0.time, $0.visibleFrom) <= now }
        }
    }
}

/// Derives usage from a generator's events: a pure function, so the same in every run.
package struct OpenAITraffic: Sendable {
    /// The first hour of the traffic.
    package var start: Timestamp { generator.start }

    private let generator: TrafficGenerator
    private let keys: [(id: String?, project: String)]

    /// Traffic of an account with these keys. Models with the modality `text` are charged by tokens, `embedding` by input
    /// tokens, all others by image.
    package init(generator: TrafficGenerator, keys: [(id: String?, project: String)]) {
        self.generator = generator
        self.keys = keys
    }

    func uses(inHourOf time: Timestamp) -> [OpenAIUse] {
        generator.events(inHourOf: time).filter(\.succeeded).enumerated().map { index, event in
            var random = SplitMix64(
                seed: SplitMix64.mixed(UInt64(bitPattern: event.time.milliseconds)) ^ UInt64(index))
            let input = 200 + random.below(6000)
            let key = keys[random.below(keys.count)]
            var use: OpenAIUse
            switch event.modality {
            case "text":
                let cached = random.below(3) == 0 ? input / 2 : 0
                let written = cached == 0 && random.below(4) == 0 ? input / 4 : 0
                use = OpenAIUse(
                    time: event.time, keyID: key.id, model: event.model, input: input, cached: cached, written: written,
                    output: 40 + random.below(900), price: event.unitPrice,
                    tier: random.below(20) == 0 ? "priority | " : "")
                if random.below(15) == 0 {
                    use.lines.append(.init("web search tool calls", ExactDecimal(micros: 10_000)))
                }
            case "embedding":
                use = OpenAIUse(
                    time: event.time, keyID: key.id, model: event.model, input: input, output: 0,
                    price: event.unitPrice)
                use.endpoint = "embeddings"
            default:
                use = OpenAIUse(
                    time: event.time, keyID: key.id, model: event.model,
                    lines: [.init("\(event.model) image, output", event.unitPrice)])
                use.endpoint = "images"
            }
            use.projectID = key.project
            use.visibleFrom = event.visibleFrom
            return use
        }
    }
}
