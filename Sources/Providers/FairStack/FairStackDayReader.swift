import Upstream
import UsageModel

/// Reads single days by `GET /v1/usage`, once for the account and once for each key.
struct FairStackDayReader {
    let upstream: FairStackUsageAPI
    let configured: [FairStackKey]
    private(set) var refused: FairStackRefusedKeys

    init(_ upstream: FairStackUsageAPI, configured: [FairStackKey], refused: FairStackRefusedKeys) {
        self.upstream = upstream
        self.configured = configured
        self.refused = refused
    }

    /// Reads one day whole.
    ///
    /// - Parameters:
    ///   - figures: what `daily` reports for it.
    ///   - stored: what is remembered of it.
    mutating func read(
        _ due: DueSlice, figures: FairStackDayFigures, remembered stored: FairStackDayMemory?,
        _ context: any SyncContext
    ) async throws -> (slice: SliceReading, memory: FairStackDayMemory) {
        let date = due.slice.period.start.day
        let asked = context.now
        var day = FairStackDay(whole: try await upstream.usage(on: date))
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        var memory = stored ?? FairStackDayMemory(configured: configured, cells: earlier)
        var queried: Set<FairStackKey> = []
        // Keys have no part of a day without usage.
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
        if due.slice.period.contains(asked) { try await retryRefused(except: queried, on: date, context) }
        // The responses belong together only if the account's is the same before and after the keys'. Days that are
        // history when they are first read have come to rest, so that a first start needs a query less for each.
        let isHistory = due.settles && due.lastRead == nil
        var isConsistent = true
        if !queried.isEmpty, !isHistory { isConsistent = try await upstream.usage(on: date) == day.whole }
        memory.record(figures, isConfirmed: isConsistent && figures.agrees(with: day.whole))
        let cells = day.cells(after: earlier, keepsRest: !isConsistent)
        try VanishedModels.check(cells, against: earlier, in: "usage")
        return (SliceReading(due.slice, cells: cells, readAt: asked), memory)
    }

    /// A key's part of a day; nil where the day is to be read without it.
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

    /// Queries the reported keys, so that the report ends once the API knows them. Their part of this day stays under
    /// `key=""`, where it was counted first.
    private mutating func retryRefused(
        except queried: Set<FairStackKey>, on day: UTCDay, _ context: any SyncContext
    ) async throws {
        for key in configured where refused.contains(key) && !queried.contains(key) {
            _ = try await share(of: key, on: day, context)
        }
    }
}

/// The two queries that cost and generations come from.
struct FairStackUsageAPI {
    let api: any UpstreamAPI

    /// `GET /v1/usage/daily`: which days changed.
    func daily(
        from first: UTCDay, to last: UTCDay, remark: (String) -> Void
    ) async throws -> [UTCDay: FairStackDayFigures] {
        let answer = try await api.send(
            UpstreamCall(.get, "/v1/usage/daily", query: [("from", "\(first)"), ("to", "\(last)")]))
        return FairStackDayFigures.byDay(try FairStackBody<FairStackDaily>.payload(of: answer, remark: remark))
    }

    /// `GET /v1/usage` of a day, of the account or of a key.
    func usage(on day: UTCDay, key: String? = nil) async throws -> FairStackBreakdown {
        try await usage(from: day, to: day, key: key)
    }

    /// `GET /v1/usage` of a range of days, both ends included.
    func usage(from first: UTCDay, to last: UTCDay, key: String? = nil) async throws -> FairStackBreakdown {
        let query = [("from", "\(first)"), ("to", "\(last)")] + (key.map { [("key_id", $0)] } ?? [])
        let answer = try await api.send(UpstreamCall(.get, "/v1/usage", query: query.map { (name: $0.0, value: $0.1) }))
        let usage = try FairStackBody<FairStackUsage>.payload(of: answer)
        // Any JSON object fits the lenient type: one without figures must not pass for a day without usage.
        guard usage.total_cost?.micro != nil || usage.generation_count != nil || !usage.by_model.values.isEmpty else {
            throw SourceFailure(
                .decode, "usage: expected total_cost, generation_count or by_model; is base_url the FairStack API?")
        }
        return FairStackBreakdown(usage)
    }
}
