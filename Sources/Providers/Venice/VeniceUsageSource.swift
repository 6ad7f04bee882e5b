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
    let reportsCost = true
    let api: any UpstreamAPI
    let setting: VeniceEndpointSetting

    /// The name under which the path of the endpoint that worked is remembered.
    static let memoryName = "endpoint"
    /// Hours are committed as soon as this number of rows has been added up: memory stays bounded, and a first start
    /// that is interrupted resumes from there.
    static let rowsBetweenCommits = 20_000
    /// How often a walk is repeated before the run fails: more would only bring the client closer to a lock-out.
    static let longestRestarts = 2

    /// The hours that one sync reads.
    private struct Progress {
        var choice: VeniceEndpointChoice
        var remembered: String?
        var runs: VeniceRuns
        var parts = VeniceParts()
        var lastRead: [SliceID: Timestamp] = [:]
        var read: Set<SliceID> = []

        mutating func add(_ slices: [DueSlice]) {
            runs.add(slices.map(\.slice))
            for due in slices { lastRead[due.slice] = due.lastRead }
        }
    }

    func sync(_ context: any SyncContext) async throws {
        let remembered = try await context.memory(Self.memoryName)
        var progress = Progress(
            choice: VeniceEndpointChoice(setting, remembered: remembered), remembered: remembered,
            runs: VeniceRuns([]))
        progress.add(context.dueSlices)
        // Newest first: live hours before history. Where they fail for good, nothing else is queried.
        if let live = progress.runs.next() { try await tryReading(live, context, &progress) }
        var late = try await VeniceLateCharges(context, api)
        progress.add(late.slices)
        while let run = progress.runs.next() { try await tryReading(run, context, &progress) }
        try await late.confirm(read: progress.read, context)
        try progress.parts.finish()
    }

    /// Reads a run of hours, whose failure need not stop the others.
    private func tryReading(_ run: [SliceID], _ context: any SyncContext, _ progress: inout Progress) async throws {
        var remaining = run
        do {
            try await read(&remaining, context, &progress)
            progress.parts.succeed()
        } catch let failure as any ReasonedFailure {
            if remaining.count < run.count { progress.parts.succeed() }
            let isUnreadable = failure is SourceFailure && failure.reason == .decode
            if !isUnreadable || !progress.runs.split(remaining) { try progress.parts.fail(failure) }
        }
        progress.read.formUnion(Set(run).subtracting(remaining))
        let path = progress.choice.current.path
        if setting == .auto, remaining.isEmpty, path != progress.remembered {
            progress.remembered = path
            var reading = Reading()
            reading.memory[Self.memoryName] = path
            try await context.commit(reading)
        }
    }

    /// Reads a run of hours by one query; where that breaks, what is left of it by another.
    private func read(
        _ remaining: inout [SliceID], _ context: any SyncContext, _ progress: inout Progress
    ) async throws {
        var restarts = 0
        var cameAgain: [VeniceRow: Int] = [:]
        while let last = remaining.last {
            // A clock that was set back must not have less of an hour read than was read before, now or at the next sync.
            let readAt = max(context.now, progress.lastRead[last] ?? context.now)
            // A page that shifts by chance does not shift at the same row in every walk.
            let twins = Set(cameAgain.filter { $0.value >= Self.longestRestarts }.keys)
            do {
                try await walk(&remaining, context, at: progress.choice.current, readAt: readAt, twins: twins)
            } catch let broken as VenicePager.Broken {
                restarts += 1
                if let row = broken.twin { cameAgain[row, default: 0] += 1 }
                guard restarts <= Self.longestRestarts else {
                    throw SourceFailure(.decode, "\(broken.message); gave up after \(restarts) tries")
                }
            } catch let failure as UpstreamFailure {
                guard progress.choice.move(after: failure) else { throw failure }
            }
        }
    }

    private func walk(
        _ remaining: inout [SliceID], _ context: any SyncContext, at endpoint: VeniceEndpoint, readAt: Timestamp,
        twins: Set<VeniceRow>
    ) async throws {
        guard let first = remaining.first, let last = remaining.last else { return }
        let end = min(last.period.end, readAt)
        var tally = HourlyAccumulator(of: remaining, end: end)
        var walk = VenicePager(
            at: endpoint, over: Period(start: first.period.start - HourlyAccumulator.overlap, end: end), twins: twins,
            api: api, context: context)
        while let rows = try await walk.next() {
            try tally.add(rows)
            guard tally.pendingRows >= Self.rowsBetweenCommits, let passed = tally.passed else { continue }
            try await commit(tally.take(endingBy: passed), readAt: readAt, context)
            remaining = tally.remaining
        }
        try await commit(tally.take(endingBy: last.period.end), readAt: readAt, context)
        remaining = []
    }

    private func commit(
        _ hours: [(slice: SliceID, cells: [Cell])], readAt: Timestamp, _ context: any SyncContext
    ) async throws {
        guard !hours.isEmpty else { return }
        var reading = Reading()
        reading.slices = hours.map { SliceReading($0.slice, cells: $0.cells, readAt: readAt) }
        try await context.commit(reading)
    }
}
