import NIOConcurrencyHelpers
import UsageModel

/// The usage of an account, and the part of it that the provider shows now.
///
/// The clock determines the current time: an event that is later or not visible yet is not shown. With `traffic` the
/// store also holds the generator's events, generated on first access, so that live traffic needs no timer.
package final class UsageEventStore: Sendable {
    /// Identifies an event for a later change.
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

    /// A store with only the events of `traffic`.
    package init(clock: any WallClock, traffic: TrafficGenerator? = nil) {
        self.clock = clock
        self.traffic = traffic
    }

    /// Adds an event at any time, past or future.
    @discardableResult
    package func add(_ event: UsageEvent) -> EventID {
        state.withLockedValue { $0.book.add(event) }
    }

    /// Adds events at any times, past or future.
    package func add(_ events: [UsageEvent]) {
        state.withLockedValue { state in for event in events { _ = state.book.add(event) } }
    }

    /// The provider changes the charge (USD) for an event; returns false if the event does not exist.
    @discardableResult
    package func revise(_ id: EventID, cost: ExactDecimal) -> Bool {
        withBook { book, _ in book.change(id) { $0.costing(cost) } }
    }

    /// The provider removes an event; returns false if the event does not exist.
    @discardableResult
    package func remove(_ id: EventID) -> Bool {
        withBook { book, _ in book.change(id) { _ in nil } }
    }

    /// The usage that the provider shows for a period, of one model or of all.
    package func report(in period: Period, model: String? = nil) -> UsageReport {
        withBook { book, _ in book.report(in: period, model: model) }
    }

    /// The shown events of a period in ascending order, with numbers that identify them.
    package func events(in period: Period) -> [(number: Int, event: UsageEvent)] {
        withBook { book, _ in book.events(in: period) }
    }

    /// USD charged for all shown events.
    package var shownCost: ExactDecimal {
        withBook { book, _ in book.shownCost }
    }

    /// Actual totals of a period up to now, including events that the provider does not show yet.
    package func truth(in period: Period) -> UsageTotals {
        withBook { book, now in book.recount { period.contains($0.time) && $0.time <= now } }
    }

    /// Expected totals of a period: only events that the provider shows now.
    package func visibleTruth(in period: Period) -> UsageTotals {
        withBook { book, now in book.recount { period.contains($0.time) && $0.visibleFrom <= now } }
    }

    private func withBook<Value>(_ body: (inout UsageBook, Timestamp) -> Value) -> Value {
        state.withLockedValue { state in
            // Read inside the lock: otherwise two readers could move the store's time backwards.
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

/// One request of a simulated account, as the provider reports it.
package struct UsageEvent: Sendable, Hashable {
    package let time: Timestamp
    /// The provider's model id. Empty: counted in the provider's totals, but listed under no model.
    package let model: String
    /// The model's output (`text-to-image`, …); nil if the provider does not report it.
    package let modality: String?
    /// The model's list price in USD. A request may cost a multiple of it.
    package let unitPrice: ExactDecimal
    /// USD charged.
    package let cost: ExactDecimal
    package let succeeded: Bool
    /// The time from which the API shows the request: providers publish late.
    package let visibleFrom: Timestamp

    /// A request, shown immediately unless `visibleFrom` is later.
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

    /// The same request with another charge.
    func costing(_ cost: ExactDecimal) -> UsageEvent {
        UsageEvent(
            time: time, model: model, modality: modality, unitPrice: unitPrice, cost: cost, succeeded: succeeded,
            visibleFrom: visibleFrom)
    }
}
