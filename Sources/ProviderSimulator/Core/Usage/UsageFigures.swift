import UsageModel

/// Exact sums over some events.
package struct UsageFigures: Sendable, Hashable {
    /// USD charged.
    package private(set) var cost = ExactDecimal.zero
    package private(set) var requests = 0
    package private(set) var successes = 0

    package init() {}

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

/// Expected totals for tests, counted from the events themselves.
package struct UsageTotals: Sendable, Hashable {
    package private(set) var overall = UsageFigures()
    /// Totals by model; usage under no model has an empty name.
    package private(set) var byModel: [String: UsageFigures] = [:]

    package init() {}

    mutating func add(_ event: UsageEvent) {
        overall.add(event)
        byModel[event.model, default: UsageFigures()].add(event)
    }
}

/// A model's usage in a period, as an API reports it.
package struct ModelUsage: Sendable, Hashable {
    package private(set) var figures = UsageFigures()
    /// Time of the last use.
    package private(set) var lastUsed: Timestamp
    /// List price in USD at its last use.
    package private(set) var unitPrice: ExactDecimal
    /// Modality reported at its last use.
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

/// An account's usage in a period, as its provider shows it now.
package struct UsageReport: Sendable, Hashable {
    /// The days with usage, in order, each by model.
    package let days: [Day]

    package struct Day: Sendable, Hashable {
        package let day: UTCDay
        /// Usage by model; usage under no model has an empty name.
        package let models: [String: ModelUsage]

        package var figures: UsageFigures {
            models.values.reduce(into: UsageFigures()) { $0.add($1.figures) }
        }
    }

    package var figures: UsageFigures {
        days.reduce(into: UsageFigures()) { $0.add($1.figures) }
    }

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
