import Foundation
import UsageModel

/// The days of a bot of which the API listed only a part of the rows. Stored as JSON.
struct UseAPITruncatedDays: Equatable {
    /// Days since the epoch.
    private var days: Set<Int>

    /// The name under which the days are stored.
    static let name = "truncated"

    /// Decodes the stored days; none if they cannot be decoded, because no counter depends on them.
    init(stored: String?) {
        days = stored.flatMap { try? JSONDecoder().decode(Set<Int>.self, from: Data($0.utf8)) } ?? []
    }

    var count: Int { days.count }

    /// Returns the days after a reading, without those before `oldest`, which the API may no longer serve.
    ///
    /// - Parameters:
    ///   - day: the day as it was read; nil if the day keeps the figures of an earlier reading.
    ///   - isSettled: whether the day's list is as complete as its count.
    func after(_ day: UseAPIDay?, isSettled: Bool, keptFrom oldest: UTCDay) -> UseAPITruncatedDays {
        var after = self
        if let day, day.isIncomplete || isSettled && day.lacksRows {
            after.days.insert(day.day.daysSinceEpoch)
        } else if let day {
            after.days.remove(day.day.daysSinceEpoch)
        }
        after.days = after.days.filter { oldest.daysSinceEpoch <= $0 }
        return after
    }

    /// Returns the JSON to store; nil if there are no days.
    func encoded() throws -> String? { days.isEmpty ? nil : try RememberedJSON.text(of: days.sorted()) }
}
