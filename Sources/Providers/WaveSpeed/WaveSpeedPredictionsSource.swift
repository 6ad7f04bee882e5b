import UsageModel
import Upstream

/// `POST /api/v3/predictions`: the durations of jobs, by model, one UTC hour of their creation per slice.
///
/// The API keeps jobs for 7 days, so the histogram begins 7 days before the first sync at the earliest. Only times,
/// models, states and durations are read. Inputs, outputs and error texts are never stored, logged or exported.
///
/// An account or an API that never had the list (404, 410, 403) has no series.
struct WaveSpeedPredictionsSource: UsageSource {
    static let endpoint = "predictions"
    /// The maximum number of pages of one sync.
    static let pagesPerSync = 100
    /// The maximum number of pages of the open hour, which is read at each sync, and of several hours in one query.
    static let pagesOfQuery = 10
    /// How far back jobs are read: an hour less than the API keeps them, so that no hour is partial.
    static let kept = Duration.days(7) - .hours(1)
    static let stateMemory = "hours"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    // An account without the list has no usage that could be late, which a slicing would report.
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    /// The state that is stored between syncs.
    private struct State: Equatable, Codable {
        var hours = WaveSpeedJobHours()
        /// Whether the list could be read once.
        var isListed = false
        /// The first hour that the last sync could not finish.
        var next: Timestamp?
    }

    private struct Filters: Encodable {
        let created_after: String
        let created_before: String
    }

    func sync(_ context: any SyncContext) async throws {
        var state: State = try await context.remembered(Self.stateMemory) ?? State()
        let (before, isFirst) = (state, context.isFirst)
        var parts = UnreadableParts()
        do {
            try await read(&state, &parts, context)
        } catch let failure as UpstreamFailure where !state.isListed && failure.isUnavailable {
            if failure.isRefusedByAPI {
                context.remark("predictions are not read: HTTP 403, the key lacks the permission")
            }
            // Jobs before the list exists would be a live increase of the counters later.
            state.hours.begin(at: context.now.startOfHour)
        }
        if state != before {
            var reading = Reading()
            reading.memory[Self.stateMemory] = try RememberedJSON.text(of: state)
            try await context.commit(reading)
        }
        try parts.check()
        // History that is counted by a later sync would be a live increase of the counters.
        if isFirst, state.next != nil { throw SyncPostponed(until: context.now + minimumInterval) }
    }

    private func read(
        _ state: inout State, _ parts: inout UnreadableParts, _ context: any SyncContext
    ) async throws {
        let now = context.now
        var pages = WaveSpeedPages(
            api: api, path: "/api/v3/predictions", endpoint: Self.endpoint,
            allowance: Self.pagesPerSync)
        // With the whole allowance an hour is either finished or known to be too large, so each sync makes progress.
        var queries = state.hours.due(
            from: max(context.ledgerStart, now - Self.kept), now: now, beginningWith: state.next)
        state.next = nil
        while let query = queries.first, state.next == nil {
            queries.removeFirst()
            let isClosedHour = query.end - query.start == .hours(1) && query.end <= now
            let hasWholeAllowance = pages.allowance == Self.pagesPerSync
            // If several hours cannot be read at once, each of them still may be.
            let isRun = query.end - query.start > .hours(1)
            var isFinished = !isRun
            try await parts.isolate {
                let jobs = try await jobs(of: query, &pages, most: isClosedHour ? .max : Self.pagesOfQuery, context)
                isFinished = jobs != nil
                if let jobs { try await commit(jobs, of: query, at: now, &state, context) }
            }
            guard !isFinished else { continue }
            if isRun {
                queries = query.hours.reversed() + queries
            } else if !isClosedHour {
                // It is read after its end.
                continue
            } else if hasWholeAllowance {
                state.hours.record(query, readAt: now, hasUnfinished: false)
                context.remark(
                    "the hour from \(query.start) has more than \(Self.pagesPerSync * WaveSpeedPages.size) jobs, the "
                        + "most that one sync reads; their durations are missing")
            } else {
                state.next = query.start
            }
        }
    }

    /// Returns the jobs created in a period; nil if they have too many pages.
    private func jobs(
        of period: Period, _ pages: inout WaveSpeedPages, most: Int, _ context: any SyncContext
    ) async throws -> [WaveSpeedJob]? {
        let last = Timestamp(milliseconds: period.end.milliseconds - 1)
        let filters = Filters(created_after: period.start.description, created_before: last.description)
        let jobs = try await pages.rows(of: WaveSpeedJob.self, matching: filters, most: most, context) { jobs in
            // Whether the bounds themselves are included is not documented.
            guard let stranger = jobs.first(where: { !period.contains($0.time) && $0.time != period.end }) else {
                return
            }
            throw SourceFailure(
                .decode,
                "predictions from \(period.start) list a job of \(stranger.time): created_after and created_before "
                    + "were ignored")
        }
        return jobs?.filter { period.contains($0.time) }
    }

    private func commit(
        _ jobs: [WaveSpeedJob], of period: Period, at now: Timestamp, _ state: inout State, _ context: any SyncContext
    ) async throws {
        let byHour = Dictionary(grouping: jobs, by: \.time.startOfHour)
        var reading = Reading()
        for hour in period.hours {
            let jobs = byHour[hour.start] ?? []
            let slice = SliceID(period: hour)
            let cells = Self.cells(of: jobs, earlier: try await context.cells(of: slice))
            if !cells.isEmpty { reading.slices.append(SliceReading(slice, cells: cells, readAt: now)) }
            state.hours.record(hour, readAt: now, hasUnfinished: jobs.contains { !$0.isFinished })
        }
        state.isListed = true
        reading.memory[Self.stateMemory] = try RememberedJSON.text(of: state)
        try await context.commit(reading)
    }

    /// Returns the durations of an hour's jobs. A job that is no longer listed, because it was deleted, stays counted.
    private static func cells(of jobs: [WaveSpeedJob], earlier: [Cell]) -> [Cell] {
        var durations: [String: DurationHistogram] = [:]
        for job in jobs {
            guard let duration = job.duration else { continue }
            durations[job.model.value?.value ?? "", default: DurationHistogram()].add(duration)
        }
        var cells = Dictionary(earlier.map { ($0.labels, $0.value) }, uniquingKeysWith: +)
        for cell in durations.flatMap({ $1.cells(model: $0) }) {
            cells[cell.labels] = max(cells[cell.labels] ?? .zero, cell.value)
        }
        return cells.map { Cell(.duration, $0.key, $0.value) }
    }
}

/// A job of the list, without its inputs, outputs and error text.
struct WaveSpeedJob: WaveSpeedRow {
    private struct Timings: Decodable {
        let inference: Decoration<LenientDecimal>
    }

    let id: LenientString?
    let model: Decoration<LenientString>
    private let status: LenientString
    private let created_at: LenientTimestamp
    /// Milliseconds.
    private let executionTime: Decoration<LenientDecimal>
    private let timings: Decoration<Timings>

    var time: Timestamp { created_at.value }

    var isFinished: Bool { !["created", "processing"].contains(status.value) }

    /// The duration of a finished job in milliseconds; nil if the API reports none, or 0.
    var duration: ExactDecimal? {
        guard isFinished else { return nil }
        let reported = [executionTime.value?.value, timings.value?.inference.value?.value]
        return reported.lazy.compactMap { $0 }.first { $0 > .zero }
    }
}
