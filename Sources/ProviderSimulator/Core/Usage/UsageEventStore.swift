import NIOConcurrencyHelpers
import UsageModel

/// What an account used, and how much of it its provider shows at the moment.
///
/// The present comes from the clock: an event after now, or not visible yet, is not shown. With `traffic` the store
/// also holds the generator's events, made when somebody first asks for them, so that live traffic needs no timer.
package final class UsageEventStore: Sendable {
    /// Names an event for a later change.
    package struct EventID: Sendable, Hashable {
        let index: Int
    }

    private struct State {
        var book = UsageBook()
        var generatedUpTo: Timestamp?
    }

    private let clock: any WallClock
    private let traffic: TrafficGenerator?
    private let state = NIOLockedValueBox(State())

    /// A store without events but those of `traffic`.
    package init(clock: any WallClock, traffic: TrafficGenerator? = nil) {
        self.clock = clock
        self.traffic = traffic
    }

    /// Adds an event, whenever it happened.
    @discardableResult
    package func add(_ event: UsageEvent) -> EventID {
        state.withLockedValue { $0.book.add(event) }
    }

    /// Adds events, whenever they happened.
    package func add(_ events: [UsageEvent]) {
        state.withLockedValue { state in for event in events { _ = state.book.add(event) } }
    }

    /// The provider charges another amount (USD) for an event than it said before; false where there is no such event.
    @discardableResult
    package func revise(_ id: EventID, cost: ExactDecimal) -> Bool {
        withBook { book, _ in book.change(id) { $0.costing(cost) } }
    }

    /// The provider takes an event back; false where there is no such event.
    @discardableResult
    package func remove(_ id: EventID) -> Bool {
        withBook { book, _ in book.change(id) { _ in nil } }
    }

    /// What the provider shows of a period, of one model or of all.
    package func report(in period: Period, model: String? = nil) -> UsageReport {
        withBook { book, _ in book.report(in: period, model: model) }
    }

    /// What was charged for everything that is shown, in USD.
    package var shownCost: ExactDecimal {
        withBook { book, _ in book.shownCost }
    }

    /// What really happened in a period up to now, whether the provider shows it already or not.
    package func truth(in period: Period) -> UsageTotals {
        withBook { book, now in book.recount { period.contains($0.time) && $0.time <= now } }
    }

    /// The part of the truth that the provider shows by now.
    package func visibleTruth(in period: Period) -> UsageTotals {
        withBook { book, now in book.recount { period.contains($0.time) && $0.visibleFrom <= now } }
    }

    private func withBook<Value>(_ body: (inout UsageBook, Timestamp) -> Value) -> Value {
        state.withLockedValue { state in
            // Read inside the lock: two readers must not show the store two times in the wrong order.
            let now = clock.now
            if let traffic {
                var hour = state.generatedUpTo ?? traffic.start
                while hour <= now {
                    for event in traffic.events(inHourOf: hour) { _ = state.book.add(event) }
                    hour = hour + .hours(1)
                }
                state.generatedUpTo = hour
            }
            state.book.show(at: now)
            return body(&state.book, now)
        }
    }
}

/// One request that a simulated account made, as the provider will report it.
package struct UsageEvent: Sendable, Hashable {
    /// When the request was made.
    package let time: Timestamp
    /// The provider's model id. Empty: counted in the provider's totals, and named under no model.
    package let model: String
    /// What the model makes (`text-to-image`, …); nil where the provider does not say.
    package let modality: String?
    /// The model's list price in USD. What a request costs may be a multiple of it.
    package let unitPrice: ExactDecimal
    /// What was charged, in USD.
    package let cost: ExactDecimal
    /// Whether the request succeeded.
    package let succeeded: Bool
    /// The API does not show the request before this moment: providers publish late.
    package let visibleFrom: Timestamp

    /// A request, shown at once unless `visibleFrom` is later.
    package init(
        time: Timestamp, model: String, modality: String? = nil, unitPrice: ExactDecimal, cost: ExactDecimal,
        succeeded: Bool = true, visibleFrom: Timestamp? = nil
    ) {
        self.time = time
        self.model = model
        self.modality = modality
        self.unitPrice = unitPrice
        self.cost = cost
        self.succeeded = succeeded
        self.visibleFrom = max(time, visibleFrom ?? time)
    }

    /// The same request at another charge.
    func costing(_ cost: ExactDecimal) -> UsageEvent {
        UsageEvent(
            time: time, model: model, modality: modality, unitPrice: unitPrice, cost: cost, succeeded: succeeded,
            visibleFrom: visibleFrom)
    }
}
