import UsageModel
import Upstream

/// `POST /api/v1/analytics/query`: cost, requests and tokens by key, model and UTC hour.
///
/// Where it does not exist (404, 410), `GET /api/v1/activity` is read instead, by completed UTC day (``OpenRouterActivity``),
/// and analytics is tried again a day later. A day that was read as a whole, from `activity` or because hours are
/// refused far back, is one in the ledger too: its first hour holds its usage, and its other hours are empty. It is read
/// as a whole from then on.
struct OpenRouterAnalyticsSource: UsageSource {
    static let endpoint = "analytics"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    // Documented: up to 365 days back.
    let slicing: Slicing? = Slicing(unit: .hour, kept: .days(365))
    let reportsCost = true
    let costViews: Set<LedgerFamily> = [.keyCost]
    let api: any UpstreamAPI

    /// Hours of one query. The documentation allows more, but a row for each key and model must fit in.
    static let longestRun = 4 * 24
    /// The days for which hours, and the totals of hours, are requested at once. Some figures are kept for 31 days only.
    static let hourlyDays = 31
    /// Ranges that a sync halves because they cannot be decoded or do not arrive: enough to find one hour among 96.
    static let mostSplits = 8

    /// Collects what a sync read.
    private struct Progress {
        var memory: OpenRouterMemory
        var parts = UnreadableParts()
        /// The slices that were due when the sync began.
        let due: [DueSlice]
        var totals: [OpenRouterQuery.Granularity: OpenRouterTotals] = [:]
        /// Whether the totals of 31 days time out, so that each run has a query of its own.
        var totalsAreSlow = false
        var splits = 0
        /// The rows and spans of the last query that listed all.
        var density: [OpenRouterQuery.Granularity: (rows: Int, spans: Int)] = [:]
        /// Hours before this time are refused.
        var refusedBefore: Timestamp?
    }

    /// The outcome of a query that did not fail.
    private enum Outcome {
        case done
        /// The response does not list all rows.
        case incomplete
    }

    func sync(_ context: any SyncContext) async throws {
        var memory = try await OpenRouterMemory(context)
        try await memory.updateNames(api, context)
        let isTried = memory.analyticsIsDue(at: context.now)
        var missing: UpstreamFailure?
        if isTried {
            do {
                try await readAnalytics(context, &memory)
                return
            } catch let failure as UpstreamFailure where failure.status == 404 || failure.status == 410 {
                missing = failure
            }
        }
        // Without a list of keys either, base_url is wrong.
        if let missing, try await memory.keys(api, context) == nil { throw missing }
        do {
            try await OpenRouterActivity(api: api).read(context, &memory)
        } catch let failure as UpstreamFailure where failure.status == 404 {
            throw missing ?? failure
        }
        guard isTried else { return }
        context.remark("analytics/query does not exist, so activity is read, which has no current day")
        try await memory.analyticsWasMissing(context)
    }

    private func readAnalytics(_ context: any SyncContext, _ memory: inout OpenRouterMemory) async throws {
        var progress = Progress(memory: memory, due: context.dueSlices)
        defer { memory = progress.memory }
        var due = progress.due
        if progress.memory.isCheckDue(at: context.now) { due += try await lateSlices(due, context, &progress) }
        let days = OpenRouterSpan.days(of: due).filter { progress.memory.isWhole($0.day) }
        let hours = OpenRouterSpan.hours(of: due.filter { !progress.memory.isWhole($0.slice.period.start.day) })
        var queue = OpenRouterSpan.runs(hours, longest: Self.longestRun)
            .merging(OpenRouterSpan.runs(days, longest: Self.hourlyDays))
        while let run = queue.next() { try await read(run, context, &progress, &queue) }
        try await progress.memory.analyticsWasRead(context)
        if progress.memory.isCheckDue(at: context.now) {
            try await OpenRouterLifetimeCheck(api: api).run(context, &progress.memory)
            try await progress.memory.checked(context)
        }
        try progress.parts.check()
    }

    /// Reads a run, or adds its halves to the queue.
    private func read(
        _ run: OpenRouterRun, _ context: any SyncContext, _ progress: inout Progress, _ queue: inout OpenRouterQueue
    ) async throws {
        if run.granularity == .hour, let refused = progress.refusedBefore, run.end <= refused {
            let days = OpenRouterSpan.days(of: run, in: progress.due).filter { !progress.memory.isWhole($0.day) }
            return queue.add(OpenRouterSpan.runs(days, longest: Self.hourlyDays))
        }
        // With as many rows as in the last query, this one would be truncated.
        if let last = progress.density[run.granularity],
            run.spans.count * last.rows > OpenRouterQuery.mostRows * last.spans, queue.halve(run)
        {
            return
        }
        let failure: any ReasonedFailure
        do {
            if case .done = try await query(run, context, &progress) { return progress.parts.recordReading() }
            if queue.halve(run) { return }
            if case .done = try await queryByKey(run, context, &progress) { return progress.parts.recordReading() }
            failure = SourceFailure(
                .decode, "analytics/query lists only a part of \(run.start), and the rest cannot be read key by key")
        } catch let error as UpstreamFailure where error.status == 408 && queue.halve(run) {
            return
        } catch let error as UpstreamFailure where error.status == 400 && run.granularity == .hour {
            let oldest = context.now - .days(Self.hourlyDays)
            if run.start < oldest {
                if run.end > oldest, queue.halve(run) { return }
                progress.refusedBefore = run.end
                return queue.add(run)
            }
            failure = error
        } catch let error as any ReasonedFailure where [.decode, .timeout].contains(error.reason) {
            // An API that does not respond at all is not queried for ever smaller ranges.
            if progress.splits < Self.mostSplits, queue.halve(run) {
                progress.splits += 1
                return
            }
            failure = error
        } catch let error as any ReasonedFailure {
            failure = error
        }
        try await progress.parts.isolate { throw failure }
    }

    /// Reads a run with one query and commits it.
    private func query(
        _ run: OpenRouterRun, _ context: any SyncContext, _ progress: inout Progress
    ) async throws -> Outcome {
        guard let range = run.range(at: context.now) else { return .done }
        // Before the parts, so that new usage of the open hour exceeds no total.
        let totals = try await totals(for: run, range, context, &progress)
        let response = try await OpenRouterQuery(granularity: run.granularity, range: range).send(to: api, context)
        if response.warnings > 0 {
            context.remark("analytics/query responded with warnings (\(response.warnings)); expected none")
        }
        guard response.extent != .truncated else { return .incomplete }
        if response.extent == .whole { progress.density[run.granularity] = (response.rows.count, run.spans.count) }
        try await progress.memory.lookUp(Set(response.rows.map(\.key)), api, context)
        let rows = try response.byStart(run.spans.map(\.start), end: range.end)
        var usage: [(span: OpenRouterSpan, usage: OpenRouterUsage, difference: ExactDecimal?)] = []
        for span in run.spans where span.start < response.asOf {
            let rows = rows[span.start] ?? []
            let total = totals?.total(of: span)
            let labels = progress.memory.names.labels(at: span.start)
            var sum = OpenRouterUsage()
            for row in rows {
                if row.figures.exceedsPrompt {
                    context.remark("analytics/query has more cached tokens than prompt tokens: no input is counted")
                }
                sum.add(row.figures, to: .init(key: labels[row.key] ?? row.key, model: row.model))
            }
            if Set(rows).count < rows.count {
                // Two keys of one name may have the same usage, or the API repeats a row: only the total decides.
                guard let total, total.sum(.requests) == sum.sum(.requests),
                    (total.sum(.cost) - sum.sum(.cost)).magnitude < Remainder.noise
                else {
                    throw SourceFailure(.decode, "analytics/query repeats a row of \(span.start), expected each once")
                }
            }
            if response.extent == .unstated {
                guard let total else {
                    throw SourceFailure(
                        .decode, "analytics/query does not say whether it was truncated, and there is no total")
                }
                guard total.sum(.requests) <= sum.sum(.requests), total.sum(.cost) - sum.sum(.cost) < Remainder.noise
                else { return .incomplete }
            }
            let difference = total.map { sum.addRemainder(of: $0) }
            usage.append((span, sum, difference))
        }
        try await commit(usage, of: range, asOf: response.asOf, context, &progress)
        return .done
    }

    /// Reads one hour or day with a query for each key, because one query cannot list it. Usage without a listed key is the
    /// rest of the total.
    private func queryByKey(
        _ run: OpenRouterRun, _ context: any SyncContext, _ progress: inout Progress
    ) async throws -> Outcome {
        guard let span = run.spans.first, let range = run.range(at: context.now),
            let keys = try await progress.memory.keys(api, context),
            let total = try await totals(for: run, range, context, &progress)?.total(of: span, evenIfOpen: true)
        else { return .incomplete }
        var sum = OpenRouterUsage()
        var asOf = context.now
        for key in keys where key.wasUsed {
            let response = try await OpenRouterQuery(granularity: run.granularity, range: range, key: key.id)
                .send(to: api, context)
            guard response.extent == .whole else { return .incomplete }
            asOf = min(asOf, response.asOf)
            let label = progress.memory.names.label(ofKey: key.id, at: span.start)
            for row in try response.byStart([span.start], end: range.end)[span.start] ?? [] {
                sum.add(row.figures, to: .init(key: label, model: row.model))
            }
        }
        // Keys that the API does not know leave everything to the rest.
        guard !sum.isEmpty || total.isEmpty else { return .incomplete }
        // Usage of the open hour that has no key waits for the hour's end.
        let isClosed = progress.totals[run.granularity]?.total(of: span) != nil
        let difference = isClosed ? min(.zero, sum.addRemainder(of: total)) : nil
        try await commit([(span, sum, difference)], of: range, asOf: asOf, context, &progress)
        return .done
    }

    /// Commits hours or days as they were read, in one transaction.
    ///
    /// - Throws: `SourceFailure` if an hour or day had usage and lost all of it.
    private func commit(
        _ read: [(span: OpenRouterSpan, usage: OpenRouterUsage, difference: ExactDecimal?)], of range: Period,
        asOf: Timestamp, _ context: any SyncContext, _ progress: inout Progress
    ) async throws {
        var reading = Reading()
        for (span, usage, difference) in read {
            var usage = usage
            let earlier = try await span.storedUsage(context)
            if usage.isEmpty, !earlier.isEmpty {
                throw SourceFailure(.decode, "analytics/query has no usage of \(span.start), which had some; it stays")
            }
            // The clock was set back, and an earlier query reached further into the hour.
            if span.end > range.end, usage.sum(.requests) < earlier.sum(.requests) { continue }
            usage.keepLabels(of: earlier, hasTotal: difference != nil)
            var cells = usage.cells
            if let difference { cells.append(Cell(.reconciliation, [], difference)) }
            reading.slices += span.readings(cells, readAt: min(asOf, context.now))
            if span.isDay { try progress.memory.markWhole(span.day, in: &reading) }
        }
        try await context.commit(reading)
    }

    /// Returns the totals of hours or days by a query without keys and models. They cover the run, and further hours that
    /// are due; nil if the API refuses the query, which the parts can do without.
    private func totals(
        for run: OpenRouterRun, _ range: Period, _ context: any SyncContext, _ progress: inout Progress
    ) async throws -> OpenRouterTotals? {
        if let known = progress.totals[run.granularity], known.covers(range) { return known }
        if let refused = progress.totals[run.granularity], refused.isRefused { return nil }
        let oldest = progress.due.map(\.slice.period.start).min() ?? range.start
        let start = min(range.start, max(oldest, range.end - .days(Self.hourlyDays) + .hours(1)))
        let aligned = run.granularity == .day ? start.day.start : start.startOfHour
        var totals: OpenRouterTotals?
        if !progress.totalsAreSlow {
            do {
                totals = try await .read(run.granularity, Period(start: aligned, end: range.end), api, context)
            } catch let failure as UpstreamFailure where failure.reason == .timeout && aligned < range.start {
                progress.totalsAreSlow = true
            }
        }
        let found: OpenRouterTotals
        if let totals { found = totals } else { found = try await .read(run.granularity, range, api, context) }
        progress.totals[run.granularity] = found
        return found.isRefused ? nil : found
    }

    /// Returns the hours that left the re-read schedule and whose total is no longer what they hold, by one query over 31
    /// days.
    private func lateSlices(
        _ due: [DueSlice], _ context: any SyncContext, _ progress: inout Progress
    ) async throws -> [DueSlice] {
        let oldest = max(context.now - .days(Self.hourlyDays) + .hours(1), context.ledgerStart).startOfHour
        let candidates = context.reopenable.filter { due in
            due.slice.period.start >= oldest && !progress.memory.isWhole(due.slice.period.start.day)
        }
        guard !candidates.isEmpty else { return [] }
        let totals: OpenRouterTotals
        do {
            totals = try await .read(.hour, Period(start: oldest, end: context.now), api, context)
        } catch let failure as UpstreamFailure where failure.reason == .timeout {
            context.remark("late charges are found by schedule only: \(failure.message)")
            progress.totalsAreSlow = true
            return []
        }
        progress.totals[.hour] = totals
        var late: [DueSlice] = []
        for candidate in candidates {
            let span = OpenRouterSpan(slices: [candidate])
            guard let total = totals.total(of: span) else { continue }
            let cells = try await context.cells(of: candidate.slice)
            // Requests of free models change no cost. Fewer requests than the parts have need not be a change.
            let hasOtherCost =
                (total.sum(.cost) - OpenRouterLifetimeCheck.cost(of: cells)).magnitude >= Remainder.noise
            if hasOtherCost || total.sum(.requests) > OpenRouterUsage(cells).sum(.requests) { late.append(candidate) }
        }
        return late
    }
}
