import Upstream
import UsageModel

/// Reads single days with `GET /v1/usage`, once for the account and once for each key.
struct FairStackDayReader {
    let upstream: FairStackUsageAPI
    let configured: [FairStackKey]
    private(set) var refused: FairStackRefusedKeys

    init(_ upstream: FairStackUsageAPI, configured: [FairStackKey], refused: FairStackRefusedKeys) {
        self.upstream = upstream
        self.configured = configured
        self.refused = refused
    }

    /// Reads one day with all its keys.
    ///
    /// - Parameters:
    ///   - figures: the figures of the day in `daily`.
    ///   - stored: the stored state of the day.
    mutating func read(
        _ due: DueSlice, figures: FairStackDayFigures, remembered stored: FairStackDayMemory?,
        _ context: any SyncContext
    ) async throws -> (slice: SliceReading, memory: FairStackDayMemory) {
        let date = due.slice.period.start.day
        let requestedAt = context.now
        var day = FairStackDay(whole: try await upstream.usage(on: date))
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        var memory = stored ?? FairStackDayMemory(configured: configured, cells: earlier)
        var queried: Set<FairStackKey> = []
        // Keys have no share of a day without usage.
        if !day.whole.isZero || !earlier.isEmpty {
            for key in memory.queried {
                if let share = try await share(of: key, on: date, context) {
                    day.keys[key.name] = share
                    queried.insert(key)
                } else {
                    memory.freeze(key)
                }
            }
            for name in memory.frozen {
                let share = FairStackBreakdown(stored: earlier, key: name)
                if !share.isZero { day.keys[name] = share }
            }
        }
        if due.slice.period.contains(requestedAt) { try await retryRefused(except: queried, on: date, context) }
        // The responses are consistent only if the account's figures are equal before and after the queries of the
        // keys. Days that are history at their first read no longer change, so a first start saves one query for each.
        let isHistory = due.settles && due.lastRead == nil
        var isConsistent = true
        if !queried.isEmpty, !isHistory { isConsistent = try await upstream.usage(on: date) == day.whole }
        memory.record(figures, isConfirmed: isConsistent && figures.agrees(with: day.whole))
        let cells = day.cells(after: earlier, keepsRest: !isConsistent)
        try VanishedModels.check(cells, against: earlier, in: "usage")
        return (SliceReading(due.slice, cells: cells, readAt: requestedAt), memory)
    }

    /// Returns a key's share of a day; nil if the day is to be read without the key.
    private mutating func share(
        of key: FairStackKey, on day: UTCDay, _ context: any SyncContext
    ) async throws -> FairStackBreakdown? {
        guard !refused.hasGivenUp(key) else { return nil }
        do {
            let share = try await upstream.usage(on: day, key: key.id)
            refused.accept(key)
            return share
        } catch let failure as any ReasonedFailure {
            guard refused.giveUp(key, after: failure, now: context.now) else { throw failure }
            return nil
        }
    }

    /// Queries the refused keys, so that the failure is no longer reported once the API knows them. Their share of this
    /// day stays under `key=""`, where it was counted first.
    private mutating func retryRefused(
        except queried: Set<FairStackKey>, on day: UTCDay, _ context: any SyncContext
    ) async throws {
        for key in configured where refused.contains(key) && !queried.contains(key) {
            _ = try await share(of: key, on: day, context)
        }
    }
}

/// The two queries for cost and generations.
struct FairStackUsageAPI {
    let api: any UpstreamAPI

    /// Queries `GET /v1/usage/daily`, which shows the days that changed.
    func daily(
        from first: UTCDay, to last: UTCDay, remark: (String) -> Void
    ) async throws -> [UTCDay: FairStackDayFigures] {
        let response = try await api.send(
            UpstreamCall(.get, "/v1/usage/daily", query: [("from", "\(first)"), ("to", "\(last)")]))
        return FairStackDayFigures.byDay(try FairStackBody<FairStackDaily>.payload(of: response, remark: remark))
    }

    /// Queries `GET /v1/usage` for a day of the account or of a key.
    func usage(on day: UTCDay, key: String? = nil) async throws -> FairStackBreakdown {
        try await usage(from: day, to: day, key: key)
    }

    /// Queries `GET /v1/usage` for a range of days, inclusive.
    func usage(from first: UTCDay, to last: UTCDay, key: String? = nil) async throws -> FairStackBreakdown {
        let query = [("from", "\(first)"), ("to", "\(last)")] + (key.map { [("key_id", $0)] } ?? [])
        let response = try await api.send(
            UpstreamCall(.get, "/v1/usage", query: query.map { (name: $0.0, value: $0.1) }))
        let usage = try FairStackBody<FairStackUsage>.payload(of: response)
        // Any JSON object matches the lenient type. One without figures must not be read as a day without usage.
        guard usage.total_cost?.micro != nil || usage.generation_count != nil || !usage.by_model.values.isEmpty else {
            throw SourceFailure(
                .decode, "usage: expected total_cost, generation_count or by_model; is base_url the FairStack API?")
        }
        return FairStackBreakdown(usage)
    }
}
