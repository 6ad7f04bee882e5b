import Foundation
import UsageModel

/// What `GET /v1/usage/daily` says of a day: enough to see that it changed.
struct FairStackDayFigures: Equatable, Codable {
    var count: Int?
    var micro: Int?

    init(count: Int?, micro: Int?) {
        self.count = count
        self.micro = micro
    }

    /// Nothing was used; nil figures say neither that nor the opposite.
    var isEmpty: Bool { (count ?? micro) == 0 && (micro ?? 0) == 0 }

    /// Whether `GET /v1/usage` says the same of the day, as far as both say anything.
    func agrees(with usage: FairStackBreakdown) -> Bool {
        let counts = (count.map { ExactDecimal($0) }, usage.count.total)
        let costs = (micro.map { ExactDecimal(micros: $0) }, usage.cost.total)
        return [counts, costs].allSatisfy { $0.0 == nil || $0.1 == nil || $0.0 == $0.1 }
    }

    /// By day; dates that cannot be read belong to no day that was asked for.
    static func byDay(_ daily: FairStackDaily) -> [UTCDay: FairStackDayFigures] {
        var figures: [UTCDay: FairStackDayFigures] = [:]
        for row in daily.days.values {
            // The API may write a date as a moment.
            guard let day = row.date.flatMap({ Timestamp($0.value) })?.day else { continue }
            figures[day] = FairStackDayFigures(count: row.count?.value, micro: row.cost?.micro?.value)
        }
        return figures
    }
}

/// What is remembered of the days that are not settled: how each was read first, and what `daily` said when it was read
/// last. A pure value, stored as JSON.
struct FairStackKnownDays: Equatable, Codable {
    private struct Day: Equatable, Codable {
        /// A day keeps the keys that it was first read with: usage that moved from `key=""` to a key that was added to
        /// the config later would count twice, since the counter that it leaves never falls.
        let keys: [FairStackKey]
        /// Nil where the day has to be read again in any case.
        let figures: FairStackDayFigures?
    }

    /// What to do with a day that is due.
    enum Step: Equatable {
        /// Nothing was used: it has no cells.
        case isEmpty
        /// Nothing has changed: its cells stay.
        case isUnchanged
        /// Ask for it whole.
        case read
    }

    private var days: [String: Day] = [:]

    /// What was stored; nothing where nothing was, or where it cannot be read.
    init(stored: String?) {
        guard let stored, let days = try? JSONDecoder().decode([String: Day].self, from: Data(stored.utf8)) else {
            return
        }
        self.days = days
    }

    /// To be stored.
    func encoded() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(days), as: UTF8.self)
    }

    /// What to do with a day.
    ///
    /// - Parameter figures: what `daily` says of it now; nil where it does not list the day.
    func step(for due: DueSlice, figures: FairStackDayFigures?) -> Step {
        let isEmpty = figures?.isEmpty ?? true
        guard due.lastRead != nil, let known = days[due.slice.period.start.day.description] else {
            return isEmpty ? .isEmpty : .read
        }
        // The last reading is a whole one: usage that moved between models leaves the day's sums as they were.
        guard !due.settles, let before = known.figures, (before.count ?? before.micro) != nil else { return .read }
        return before == figures ? .isUnchanged : .read
    }

    /// The keys to read a day with.
    func keys(of day: UTCDay, configured: [FairStackKey]) -> [FairStackKey] {
        days[day.description]?.keys ?? configured
    }

    /// Remembers how a day was read.
    mutating func remember(_ due: DueSlice, keys: [FairStackKey], figures: FairStackDayFigures?) {
        days[due.slice.period.start.day.description] = due.settles ? nil : Day(keys: keys, figures: figures)
    }

    /// Forgets the days that are settled: those a while back that are not due any more.
    mutating func forgetSettled(due: [DueSlice], now: Timestamp) {
        let unsettled = Set(due.map { $0.slice.period.start.day.description })
        let recent = (now - .days(5)).day.description
        days = days.filter { $0.key >= recent || unsettled.contains($0.key) }
    }
}
