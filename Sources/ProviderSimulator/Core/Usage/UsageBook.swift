import UsageModel

/// The events of an account and, kept along with them, what the provider shows by day and model at one moment.
///
/// A plain value: time comes in through `show(at:)`. Adding an event costs the same however many there are; a change
/// to an event that is already shown costs a recount of its day.
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
            // One look-up for the common case: most events are of a model that the day has.
            if models[event.model]?.add(event) == nil { models[event.model] = ModelUsage(event) }
        }
    }

    /// By event id; a removed event leaves a gap.
    private var events: [UsageEvent?] = []
    /// The events not shown yet; once sorted, the next to be shown is the last.
    private var waiting: [Waiting] = []
    private var waitingIsSorted = true
    private var shown: [UTCDay: Day] = [:]
    private var shownAt = Timestamp(milliseconds: .min)

    /// What was charged for all that is shown, in USD.
    private(set) var shownCost = ExactDecimal.zero

    mutating func add(_ event: UsageEvent) -> UsageEventStore.EventID {
        let index = events.count
        events.append(event)
        waiting.append(Waiting(visibleFrom: event.visibleFrom, index: index))
        waitingIsSorted = false
        return UsageEventStore.EventID(index: index)
    }

    /// Shows what is visible at this moment, and nothing else: a clock may also step back.
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

    /// Puts another event, or none, in an event's place; false where there is no such event any more.
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

    /// What is shown of a period, of one model or of all. Whole days come from the day's sums; only the days that the
    /// period cuts are counted event by event.
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

    /// A recount of the events themselves, which shares nothing with `report`.
    func recount(_ isCounted: (UsageEvent) -> Bool) -> UsageTotals {
        var totals = UsageTotals()
        for case let event? in events where isCounted(event) { totals.add(event) }
        return totals
    }
}
