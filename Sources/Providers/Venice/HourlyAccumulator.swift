import UsageModel
import Upstream

/// Cuts the rows of one query into hours, and keeps a request that lies across two of them from being counted twice.
///
/// A request is counted in an hour if it has a row there and none in the last minutes of the hour before. Those minutes
/// are part of every query, so the answer is the same whether two hours are read together or weeks apart.
struct HourlyAccumulator {
    /// How long before its first hour a query begins. The rows of one inference are written at once or moments apart.
    static let overlap = Duration.minutes(5)

    /// The most rows that are added up before an hour is whole: more than a hundred a second.
    static let mostRows = 500_000

    private struct Hour {
        var sums = VeniceHour()
        /// Requests with rows in its last minutes.
        var tail: Set<String> = []
    }

    /// The hours asked for that are not taken yet, in order of time.
    private(set) var remaining: [SliceID]
    /// Rows before this moment are behind us.
    private var takenThrough: Timestamp
    private let end: Timestamp
    /// By start.
    private var hours: [Timestamp: Hour] = [:]
    private var skus: [String: VeniceSKU] = [:]
    /// Rows added since hours were last taken.
    private(set) var pendingRows = 0
    /// The time up to which all rows were added: that of the earliest row of the last page, as long as no page holds a
    /// row from before the page before it. Nil where pages do not come in order of time: no hour is whole then before
    /// the last page.
    private(set) var passed: Timestamp?
    private var latest: Timestamp?
    private var isInOrder = true

    /// A tally of adjoining hours, the oldest first.
    ///
    /// - Parameter end: where the query ends: rows from there on are left to a later one.
    init(of slices: [SliceID], end: Timestamp) {
        remaining = slices
        self.end = end
        takenThrough = (slices.first?.period.start ?? end) - Self.overlap
    }

    /// Adds rows of the query.
    ///
    /// - Throws: `SourceFailure` for a row of an hour that was taken (the rows are not in order of time), and for more
    ///   than `mostRows` without an end of an hour.
    mutating func add(_ rows: [VeniceRow]) throws {
        for row in rows {
            let moment = row.timestamp.value
            guard moment < end else { continue }
            guard moment >= takenThrough else {
                // An API that takes no notice of the start sends older rows: those were not asked for.
                if let first = remaining.first, takenThrough < first.period.start { continue }
                throw SourceFailure(.decode, "the billing rows do not come in order of time, as was asked for")
            }
            let start = moment.startOfHour
            let name = row.sku?.whole ?? ""
            let sku = skus[name] ?? VeniceSKU(name)
            if name.utf8.count <= LongName.longest { skus[name] = sku }
            if let details = row.inferenceDetails, moment >= start + .hours(1) - Self.overlap {
                hours[start, default: Hour()].tail.insert(VeniceHour.requestID(of: row, details, sku))
            }
            if let first = remaining.first, moment >= first.period.start {
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

    /// The hours that end by a moment, with their cells; they are done with.
    mutating func take(endingBy moment: Timestamp) -> [(slice: SliceID, cells: [Cell])] {
        var taken: [(slice: SliceID, cells: [Cell])] = []
        while let slice = remaining.first, slice.period.end <= moment {
            taken.append((slice, cells(of: slice)))
            // Its tail tells what the next hour leaves out; what came before is of no more use.
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
