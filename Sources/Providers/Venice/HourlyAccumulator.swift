import UsageModel
import Upstream

/// Groups the rows of one query by hour, and counts a request with rows in two hours only once.
///
/// A request is counted in an hour if it has a row there and none in the last minutes of the previous hour. Those
/// minutes are part of every query, so the result is the same whether two hours are read together or separately.
struct HourlyAccumulator {
    /// The time by which a query starts before its first hour. The rows of one inference are written within seconds.
    static let overlap = Duration.minutes(5)

    /// The maximum number of rows that are added before an hour is complete: more than a hundred a second.
    static let mostRows = 500_000

    private struct Hour {
        var sums = VeniceHour()
        /// Ids of requests with rows in the last minutes of the hour.
        var tail: Set<String> = []
    }

    /// The requested hours that were not taken yet, in ascending order.
    private(set) var remaining: [SliceID]
    /// The start of the accepted rows; earlier rows belong to hours that were taken.
    private var takenThrough: Timestamp
    private let end: Timestamp
    /// Hours by start.
    private var hours: [Timestamp: Hour] = [:]
    private var skus: [String: VeniceSKU] = [:]
    /// The number of rows that were added since hours were last taken.
    private(set) var pendingRows = 0
    /// The time up to which all rows were added: the timestamp of the earliest row of the last page, if no page has
    /// rows from before the previous page. Nil if pages are not in chronological order, because then no hour is
    /// complete before the last page.
    private(set) var passed: Timestamp?
    private var latest: Timestamp?
    private var isInOrder = true

    /// Creates an accumulator for adjoining hours in ascending order.
    ///
    /// - Parameter end: the end of the query; later rows are left to a later query.
    init(of slices: [SliceID], end: Timestamp) {
        remaining = slices
        self.end = end
        takenThrough = (slices.first?.period.start ?? end) - Self.overlap
    }

    /// Adds rows of the query.
    ///
    /// - Throws: `SourceFailure` for a row of an hour that was taken, because the rows are then not in chronological
    ///   order, and for more than `mostRows` rows without a complete hour.
    mutating func add(_ rows: [VeniceRow]) throws {
        for row in rows {
            let time = row.timestamp.value
            guard time < end else { continue }
            guard time >= takenThrough else {
                // An API that ignores the start of the query sends older rows, which were not requested.
                if let first = remaining.first, takenThrough < first.period.start { continue }
                throw SourceFailure(.decode, "the billing rows are not in ascending order of time, as requested")
            }
            let start = time.startOfHour
            let name = row.sku?.whole ?? ""
            let sku = skus[name] ?? VeniceSKU(name)
            if name.utf8.count <= LongName.longest { skus[name] = sku }
            if let details = row.inferenceDetails, time >= start + .hours(1) - Self.overlap {
                hours[start, default: Hour()].tail.insert(VeniceHour.requestID(of: row, details, sku))
            }
            if let first = remaining.first, time >= first.period.start {
                hours[start, default: Hour()].sums.add(row, sku)
            }
        }
        pendingRows += rows.count
        let times = rows.map(\.timestamp.value)
        if let earliest = times.min(), let last = times.max() {
            isInOrder = isInOrder && earliest >= latest ?? earliest
            latest = max(last, latest ?? last)
            passed = isInOrder ? earliest : nil
        }
        guard pendingRows <= Self.mostRows else {
            throw SourceFailure(.decode, "one hour has more than \(Self.mostRows) billing rows")
        }
    }

    /// Removes the hours that end by the given time, and returns them with their cells.
    mutating func take(endingBy time: Timestamp) -> [(slice: SliceID, cells: [Cell])] {
        var taken: [(slice: SliceID, cells: [Cell])] = []
        while let slice = remaining.first, slice.period.end <= time {
            taken.append((slice, cells(of: slice)))
            // The next hour needs only the tail of this hour; earlier data is no longer needed.
            hours[slice.period.start - .hours(1)] = nil
            hours[slice.period.start]?.sums = VeniceHour()
            takenThrough = slice.period.end
            remaining.removeFirst()
        }
        if !taken.isEmpty { pendingRows = 0 }
        return taken
    }

    private func cells(of slice: SliceID) -> [Cell] {
        let before = hours[slice.period.start - .hours(1)]?.tail ?? []
        return hours[slice.period.start]?.sums.cells(countedEarlier: before) ?? []
    }
}
