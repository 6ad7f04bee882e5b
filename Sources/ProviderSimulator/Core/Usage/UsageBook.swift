import UsageModel

/// The events of an account and the totals by day and model that the provider shows at a given time.
///
/// A plain value: `show(at:)` sets the time. The cost of adding an event does not depend on their number; changing an
/// event that is already shown recounts its day.
struct UsageBook {
    private struct Waiting {
        let visibleFrom: Timestamp
        let index: Int
    }

    private struct Day {
        var events: [Int] = []
        var models: [String: ModelUsage] = [:]

        mutating func show(_ event: UsageEvent, _ index: Int) {
            events.append(index)
            count(event)
        }

        mutating func count(_ event: UsageEvent) {
            // A single look-up in the common case: most events are of a model that the day already has.
            if models[event.model]?.add(event) == nil { models[event.model] = ModelUsage(event) }
        }
    }

    /// By event id; a removed event leaves nil.
    private var events: [UsageEvent?] = []
    /// The events not shown yet; once sorted, the next to be shown is the last.
    private var waiting: [Waiting] = []
    private var waitingIsSorted = true
    private var shown: [UTCDay: Day] = [:]
    private var shownAt = Timestamp(milliseconds: .min)

    /// USD charged for all shown events.
    private(set) var shownCost = ExactDecimal.zero

    mutating func add(_ event: UsageEvent) -> UsageEventStore.EventID {
        let index = events.count
        events.append(event)
        waiting.append(Waiting(visibleFrom: event.visibleFrom, index: index))
        waitingIsSorted = false
        return UsageEventStore.EventID(index: index)
    }

    /// Shows exactly the events visible at this time; the clock may also step back.
    mutating func show(at now: Timestamp) {
        if now < shownAt { hideAll() }
        shownAt = now
        if !waitingIsSorted {
            waiting.sort { $0.visibleFrom > $1.visibleFrom }
            waitingIsSorted = true
        }
        while let next = waiting.last, next.visibleFrom <= now {
            waiting.removeLast()
            guard let event = events[next.index] else { continue }
            shown[event.time.day, default: Day()].show(event, next.index)
            shownCost += event.cost
        }
    }

    private mutating func hideAll() {
        shown = [:]
        shownCost = .zero
        waiting = events.indices.compactMap { index in
            events[index].map { Waiting(visibleFrom: $0.visibleFrom, index: index) }
        }
        waitingIsSorted = false
    }

    /// Replaces an event, or removes it if `change` returns nil; returns false if the event does not exist.
    mutating func change(_ id: UsageEventStore.EventID, _ change: (UsageEvent) -> UsageEvent?) -> Bool {
        guard events.indices.contains(id.index), let old = events[id.index] else { return false }
        let new = change(old)
        events[id.index] = new
        guard var day = shown[old.time.day], day.events.contains(id.index) else { return true }
        shownCost += (new?.cost ?? .zero) - old.cost
        day.events = day.events.filter { events[$0] != nil }
        day.models = [:]
        for event in day.events.compactMap({ events[$0] }) { day.count(event) }
        shown[old.time.day] = day.events.isEmpty ? nil : day
        return true
    }

    /// The shown usage in a period, of one model or of all. Whole days use the day's totals; partial days are counted
    /// event by event.
    func report(in period: Period, model: String?) -> UsageReport {
        let days = shown.keys.filter { $0.period.start < period.end && period.start < $0.period.end }.sorted()
        return UsageReport(
            days: days.compactMap { key in
                guard let day = shown[key] else { return nil }
                var counted = day
                if period.start > key.period.start || period.end < key.period.end {
                    counted.models = [:]
                    for event in day.events.compactMap({ events[$0] }) where period.contains(event.time) {
                        counted.count(event)
                    }
                }
                let models = counted.models.filter { model == nil || $0.key == model }
                return models.isEmpty ? nil : UsageReport.Day(day: key, models: models)
            })
    }

    /// The shown events of a period in ascending order, with their indices.
    func events(in period: Period) -> [(number: Int, event: UsageEvent)] {
        let days = shown.filter { $0.key.period.start < period.end && period.start < $0.key.period.end }
        let found = days.values.flatMap(\.events).compactMap { index in events[index].map { (index, $0) } }
        return found.filter { period.contains($0.1.time) }.sorted { ($0.1.time, $0.0) < ($1.1.time, $1.0) }
    }

    /// Recounts the events independently of `report`.
    func recount(_ isCounted: (UsageEvent) -> Bool) -> UsageTotals {
        var totals = UsageTotals()
        for case let event? in events where isCounted(event) { totals.add(event) }
        return totals
    }
}
