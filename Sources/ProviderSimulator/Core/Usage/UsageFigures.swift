import UsageModel

/// Exact sums over some events.
package struct UsageFigures: Sendable, Hashable {
    /// USD charged.
    package private(set) var cost = ExactDecimal.zero
    /// Requests made.
    package private(set) var requests = 0
    /// Requests that succeeded.
    package private(set) var successes = 0

    /// Nothing yet.
    package init() {}

    /// Requests that failed.
    package var failures: Int { requests - successes }

    mutating func add(_ event: UsageEvent) {
        cost += event.cost
        requests += 1
        successes += event.succeeded ? 1 : 0
    }

    mutating func add(_ other: UsageFigures) {
        cost += other.cost
        requests += other.requests
        successes += other.successes
    }
}

/// What a test holds the exporter's figures against: counted anew from the events themselves.
package struct UsageTotals: Sendable, Hashable {
    /// Everything.
    package private(set) var overall = UsageFigures()
    /// The same by model; usage under no model is found under the empty name.
    package private(set) var byModel: [String: UsageFigures] = [:]

    /// Nothing yet.
    package init() {}

    mutating func add(_ event: UsageEvent) {
        overall.add(event)
        byModel[event.model, default: UsageFigures()].add(event)
    }
}

/// A model's usage in some period, as an API reports it.
package struct ModelUsage: Sendable, Hashable {
    /// Its sums.
    package private(set) var figures = UsageFigures()
    /// When it was last used.
    package private(set) var lastUsed: Timestamp
    /// Its list price in USD at its last use.
    package private(set) var unitPrice: ExactDecimal
    /// What it makes, as said at its last use.
    package private(set) var modality: String?

    init(_ event: UsageEvent) {
        lastUsed = event.time
        unitPrice = event.unitPrice
        modality = event.modality
        figures.add(event)
    }

    mutating func add(_ event: UsageEvent) {
        figures.add(event)
        note(use: event.time, unitPrice: event.unitPrice, modality: event.modality)
    }

    mutating func add(_ other: ModelUsage) {
        figures.add(other.figures)
        note(use: other.lastUsed, unitPrice: other.unitPrice, modality: other.modality)
    }

    private mutating func note(use time: Timestamp, unitPrice: ExactDecimal, modality: String?) {
        guard time >= lastUsed else { return }
        lastUsed = time
        self.unitPrice = unitPrice
        self.modality = modality
    }
}

/// An account's usage in a period, as its provider shows it at the moment.
package struct UsageReport: Sendable, Hashable {
    /// The days with usage, in order, each by model.
    package let days: [Day]

    /// One day.
    package struct Day: Sendable, Hashable {
        /// Which day.
        package let day: UTCDay
        /// Usage by model; usage under no model is found under the empty name.
        package let models: [String: ModelUsage]

        /// The day's sums.
        package var figures: UsageFigures {
            models.values.reduce(into: UsageFigures()) { $0.add($1.figures) }
        }
    }

    /// The sums of all days.
    package var figures: UsageFigures {
        days.reduce(into: UsageFigures()) { $0.add($1.figures) }
    }

    /// Usage by model over all days.
    package var models: [String: ModelUsage] {
        days.reduce(into: [:]) { models, day in models.merge(day.models) { $0.adding($1) } }
    }
}

extension ModelUsage {
    fileprivate func adding(_ other: ModelUsage) -> ModelUsage {
        var sum = self
        sum.add(other)
        return sum
    }
}
