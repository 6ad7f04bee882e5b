import UsageModel

/// The runs of hours that one sync reads, each by one query: adjoining hours of one UTC day, the oldest hour first.
///
/// Runs come newest first. A run that could not be read is halved and read after the others, so that an unreadable hour
/// stops only itself; the hours that were read leave the schedule, and later syncs query only the unreadable one.
struct VeniceRuns {
    /// The most runs that one sync halves: enough to find one hour among 24. Each costs two further queries.
    static let mostSplits = 6

    private var whole: [[SliceID]]
    private var halves: [[SliceID]] = []
    private var splits = 0

    /// Runs of the given hours.
    init(_ slices: [SliceID]) {
        whole = Self.runs(slices)
    }

    /// Adds hours to the runs that were not taken yet.
    mutating func add(_ slices: [SliceID]) {
        guard !slices.isEmpty else { return }
        whole = Self.runs(Array(Set(whole.joined()).union(slices)))
    }

    /// Takes the next run; nil at the end.
    mutating func next() -> [SliceID]? {
        if !whole.isEmpty { return whole.removeFirst() }
        return halves.isEmpty ? nil : halves.removeFirst()
    }

    /// Schedules the halves of a run that could not be read; returns whether it could be halved.
    mutating func split(_ run: [SliceID]) -> Bool {
        guard run.count > 1, splits < Self.mostSplits else { return false }
        splits += 1
        let middle = run.count / 2
        halves += [Array(run[middle...]), Array(run[..<middle])]
        return true
    }

    private static func runs(_ slices: [SliceID]) -> [[SliceID]] {
        var runs: [[SliceID]] = []
        for slice in slices.sorted(by: { $0.period.start < $1.period.start }) {
            if let last = runs.last?.last, last.period.end == slice.period.start,
                last.period.start.day == slice.period.start.day
            {
                runs[runs.count - 1].append(slice)
            } else {
                runs.append([slice])
            }
        }
        return runs.reversed()
    }
}
