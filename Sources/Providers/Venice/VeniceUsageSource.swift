import Upstream
import UsageModel

/// `GET /api/v1/billing/usage` or its successor `/api/v1/billing/usage-history`: every charge, by UTC hour.
///
/// Both return the same rows, so both are one source `usage`, and an account that moves from one to the other keeps its
/// slices. Outcomes are unknown here, because failures are not charged. Some models are billed under another name than
/// the one in `rate_limits`; the cost keeps the billed name, and `genai_model_alias_info` joins the two.
struct VeniceUsageSource: UsageSource {
    static let endpoint = "usage"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .hour)
    let reportsCost = true
    let api: any UpstreamAPI
    let setting: VeniceEndpointSetting

    /// The name under which the path of the working endpoint is stored.
    static let memoryName = "endpoint"
    /// Rows after which complete hours are committed. This limits memory, and an interrupted first start resumes there.
    static let rowsBetweenCommits = 20_000
    /// The number of restarts of a traversal before the run fails. More would bring the client closer to a lock-out.
    static let longestRestarts = 2

    /// The hours that one sync reads, and its state.
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
        // Newest first, because live hours come before history. If they fail permanently, nothing else is queried.
        if let live = progress.runs.next() { try await tryReading(live, context, &progress) }
        var late = try await VeniceLateCharges(context, api)
        progress.add(late.slices)
        while let run = progress.runs.next() { try await tryReading(run, context, &progress) }
        try await late.confirm(read: progress.read, context)
        try progress.parts.finish()
    }

    /// Reads a run of hours. Its failure need not stop the others.
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

    /// Reads a run of hours with one query. If its pages are inconsistent, another query reads the remaining hours.
    private func read(
        _ remaining: inout [SliceID], _ context: any SyncContext, _ progress: inout Progress
    ) async throws {
        var restarts = 0
        var repeats: [VeniceRow: Int] = [:]
        while let last = remaining.last {
            // If the clock was set back, the query must not cover less of an hour than the last read.
            let readAt = max(context.now, progress.lastRead[last] ?? context.now)
            // A random shift of pages does not repeat the same row in every traversal.
            let twins = Set(repeats.filter { $0.value >= Self.longestRestarts }.keys)
            do {
                try await readPages(&remaining, context, at: progress.choice.current, readAt: readAt, twins: twins)
            } catch let broken as VenicePager.Broken {
                restarts += 1
                if let row = broken.twin { repeats[row, default: 0] += 1 }
                guard restarts <= Self.longestRestarts else {
                    throw SourceFailure(.decode, "\(broken.message); giving up after \(restarts) attempts")
                }
            } catch let failure as UpstreamFailure {
                guard progress.choice.move(after: failure) else { throw failure }
            }
        }
    }

    private func readPages(
        _ remaining: inout [SliceID], _ context: any SyncContext, at endpoint: VeniceEndpoint, readAt: Timestamp,
        twins: Set<VeniceRow>
    ) async throws {
        guard let first = remaining.first, let last = remaining.last else { return }
        let end = min(last.period.end, readAt)
        var accumulator = HourlyAccumulator(of: remaining, end: end)
        var pager = VenicePager(
            at: endpoint, over: Period(start: first.period.start - HourlyAccumulator.overlap, end: end), twins: twins,
            api: api, context: context)
        while let rows = try await pager.next() {
            try accumulator.add(rows)
            guard accumulator.pendingRows >= Self.rowsBetweenCommits, let passed = accumulator.passed else { continue }
            try await commit(accumulator.take(endingBy: passed), readAt: readAt, context)
            remaining = accumulator.remaining
        }
        try await commit(accumulator.take(endingBy: last.period.end), readAt: readAt, context)
        remaining = []
    }

    private func commit(
        _ hours: [(slice: SliceID, cells: [Cell])], readAt: Timestamp, _ context: any SyncContext
    ) async throws {
        guard !hours.isEmpty else { return }
        var reading = Reading()
        reading.slices = hours.map { SliceReading($0.slice, cells: $0.cells, readAt: readAt) }
        let aliases = Set(hours.flatMap(\.cells).compactMap(Self.alias))
        if !aliases.isEmpty {
            let known = Set(try await context.gauges(.modelAliasInfo).map(\.labels))
            // Limited, because new names in every response must not grow the family without bound.
            reading.gauges[.modelAliasInfo] = known.union(aliases).sorted { $0[0] < $1[0] }.prefix(longestArray)
                .map { GaugeSample($0, 1) }
        }
        try await context.commit(reading)
    }

    /// The end of billed models that the other endpoints list without it (`claude-sonnet-5-api`).
    private static let aliasSuffix = "-api"

    /// Returns the billed model of a cell and its name in the rate limits; nil if they do not differ.
    private static func alias(of cell: Cell) -> [String]? {
        guard cell.family == .requests, let model = cell.labels.last, model.hasSuffix(aliasSuffix),
            model.utf8.count > aliasSuffix.utf8.count
        else { return nil }
        return [model, String(model.dropLast(aliasSuffix.count))]
    }
}

/// Collects failures of the parts of one sync (runs of hours, days). A failed part need not stop the others.
struct VeniceParts {
    private var hasRead = false
    private var first: (any ReasonedFailure)?
    private var slowOrBrokenInRow = 0

    /// Records that a part was read and committed.
    mutating func succeed() {
        hasRead = true
        slowOrBrokenInRow = 0
    }

    /// Records the failure of one part.
    ///
    /// A response that cannot be decoded affects only its part. So does a 5xx, a timeout, or a response that is too
    /// long or not JSON, because one day may be too much for the provider; a second one in a row affects the whole
    /// provider. Every other failure (credentials, rate limit, other 4xx, network, storage) affects all parts, because
    /// Venice.ai locks out a client that sends more than 20 failing requests in 30 s.
    ///
    /// - Throws: the failure itself if it affects all parts.
    mutating func fail(_ failure: any ReasonedFailure) throws {
        switch failure.reason {
        case .decode where failure is SourceFailure:
            break
        case .http5xx, .timeout, .decode:
            slowOrBrokenInRow += 1
            guard slowOrBrokenInRow == 1 else { throw failure }
        default:
            throw failure
        }
        first = first ?? failure
    }

    /// Ends the sync.
    ///
    /// - Throws: the first failure; as `PartialFailure` if another part was read.
    func finish() throws {
        guard let first else { return }
        throw hasRead ? PartialFailure(first) : first
    }
}
