import UsageModel
import Upstream

/// `GET /api/v1/billing/usage` or its successor `/api/v1/billing/usage-history`: every charge, cut into UTC hours.
///
/// Both give the same rows, so both are the one source `usage`: an account that moves from one to the other keeps its
/// slices. Outcomes are not known here: what fails is not charged.
struct VeniceUsageSource: UsageSource {
    static let endpoint = "usage"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .hour)
    let api: any UpstreamAPI
    let setting: VeniceEndpointSetting

    /// The name under which the path of the endpoint that worked is remembered.
    static let memoryName = "endpoint"
    /// Hours are committed as soon as so many rows have been added up: memory stays bounded, and a first start that is
    /// interrupted goes on from there.
    static let rowsBetweenCommits = 20_000
    /// How often a walk is begun anew before the sync gives up: more would only bring the client closer to a lock-out.
    static let longestRestarts = 2

    func sync(_ visit: any SyncVisit) async throws {
        var remembered = try await visit.memory(Self.memoryName)
        var choice = VeniceEndpointChoice(setting, remembered: remembered)
        // Newest first: live hours before history.
        for run in Self.runs(visit.dueSlices.map(\.slice)) {
            try await read(run, visit, &choice)
            if setting == .auto, choice.current.path != remembered {
                remembered = choice.current.path
                var reading = Reading()
                reading.memory[Self.memoryName] = remembered
                try await visit.commit(reading)
            }
        }
    }

    /// Adjoining hours of one UTC day, each run the oldest hour first, the newest run first.
    static func runs(_ slices: [SliceID]) -> [[SliceID]] {
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

    /// Reads a run of hours by one query; where that breaks, what is left of it by another.
    private func read(_ run: [SliceID], _ visit: any SyncVisit, _ choice: inout VeniceEndpointChoice) async throws {
        var remaining = run
        var restarts = 0
        while !remaining.isEmpty {
            do {
                try await walk(&remaining, visit, at: choice.current)
            } catch let broken as VeniceWalk.Broken {
                restarts += 1
                guard restarts <= Self.longestRestarts else {
                    throw SourceFailure(.decode, "\(broken.message); gave up after \(restarts) tries")
                }
            } catch let failure as UpstreamFailure {
                guard choice.move(after: failure) else { throw failure }
            }
        }
    }

    private func walk(_ remaining: inout [SliceID], _ visit: any SyncVisit, at endpoint: VeniceEndpoint) async throws {
        guard let first = remaining.first, let last = remaining.last else { return }
        let asked = visit.now
        // A clock that was set back must not have less of an hour read than was read before, now or at the next sync.
        let readAt = max(asked, visit.dueSlices.first { $0.slice == last }?.lastRead ?? asked)
        let end = min(last.period.end, readAt)
        var tally = VeniceTally(of: remaining, end: end)
        var walk = VeniceWalk(
            at: endpoint, over: Period(start: first.period.start - VeniceTally.overlap, end: end), api: api,
            visit: visit)
        while let rows = try await walk.next() {
            try tally.add(rows)
            guard tally.pendingRows >= Self.rowsBetweenCommits, let newest = rows.map(\.timestamp.value).min() else {
                continue
            }
            try await commit(tally.take(endingBy: newest), readAt: readAt, visit)
            remaining = tally.remaining
        }
        try await commit(tally.take(endingBy: last.period.end), readAt: readAt, visit)
        remaining = []
    }

    private func commit(
        _ hours: [(slice: SliceID, cells: [Cell])], readAt: Timestamp, _ visit: any SyncVisit
    ) async throws {
        guard !hours.isEmpty else { return }
        var reading = Reading()
        reading.slices = hours.map { SliceReading($0.slice, cells: $0.cells, readAt: readAt) }
        try await visit.commit(reading)
    }
}
