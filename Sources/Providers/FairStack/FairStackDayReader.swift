import Foundation
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
        try IncompleteDay.check(cells, against: earlier, totals: day.whole.totals, in: "usage")
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

/// The keys with which a day was first read, and the figures of `daily` at its last read. A value type, stored as JSON
/// as long as the day's cells are kept.
struct FairStackDayMemory: Equatable, Codable {
    /// The keys with which the day was first read. Keys that are added to the config later are not added here, because
    /// usage that moves from `key=""` to a key would count twice: the counter of `key=""` never falls.
    private(set) var keys: [FairStackKey]
    /// Names of keys whose share of the day stays as it is stored, because the API did not know them at one read of the
    /// day. Their usage since then is counted under `key=""`.
    private(set) var frozen: [String] = []
    /// The figures of `daily` at the last read.
    private(set) var figures = FairStackDayFigures.unlisted
    /// Whether the last read agreed with `figures`; if not, one of the two endpoints was ahead of the other.
    private(set) var isConfirmed = false

    /// Days until a day's state is deleted; its cells are deleted earlier.
    static let lifetime = 101
    /// The delay before a closed day is read again whose two endpoints disagree.
    static let patience = Duration.days(1)

    /// Creates the state of a day without stored state. A day with cells keeps their keys.
    init(configured: [FairStackKey], cells: [Cell]) {
        let families: Set<LedgerFamily> = [.cost, .credits, .requests, .keyCost, .keyCredits]
        let names = Set(cells.filter { families.contains($0.family) }.map { $0.labels[0] })
        keys = cells.isEmpty ? configured : configured.filter { names.contains($0.name) }
        // A key without an id cannot be queried.
        frozen = names.subtracting(keys.map(\.name)).subtracting([""]).sorted()
    }

    /// Decodes the stored state; nil if there is none or if it cannot be decoded.
    init?(stored: String?) {
        guard let stored, let memory = try? JSONDecoder().decode(Self.self, from: Data(stored.utf8)) else { return nil }
        self = memory
    }

    /// The name under which the state of a day is stored.
    static func name(of day: UTCDay) -> String { "day/\(day)" }

    /// Returns the JSON to store.
    func encoded() throws -> String { try RememberedJSON.text(of: self) }

    var queried: [FairStackKey] { keys.filter { !frozen.contains($0.name) } }

    /// Keeps a key's share of the day as it is stored.
    mutating func freeze(_ key: FairStackKey) {
        if !frozen.contains(key.name) { frozen.append(key.name) }
    }

    /// Records a read.
    mutating func record(_ figures: FairStackDayFigures, isConfirmed: Bool) {
        self.figures = figures
        self.isConfirmed = isConfirmed
    }
}

/// The action for a day in a sync.
enum FairStackDayStep: Equatable {
    /// Keep the stored cells, because nothing has changed.
    case keep
    /// Query the day.
    case read
    /// `daily` reports no usage for the day. It is empty if the total of its range confirms this; otherwise it is read.
    case confirm

    /// Decides on a day of the re-read schedule.
    ///
    /// - Parameter isOpen: whether the day has not ended yet.
    init(_ due: DueSlice, _ figures: FairStackDayFigures, _ memory: FairStackDayMemory?, isOpen: Bool) {
        let isReread = due.lastRead != nil
        // The last read is always complete, because usage that moved between models does not change the day's sums.
        let isLast = due.settles && isReread
        if !isLast, isReread, let memory, memory.isConfirmed, figures.isKnown, memory.figures == figures {
            self = .keep
        } else if !isOpen, !isLast, memory == nil, figures == .unlisted || figures.isZero {
            self = .confirm
        } else {
            self = .read
        }
    }

    /// Decides on a day that is not due; nil if its stored cells are needed for the decision.
    init?(reopenable due: DueSlice, _ figures: FairStackDayFigures, _ memory: FairStackDayMemory?, now: Timestamp) {
        if let memory {
            let isStale = due.lastRead.map { $0 + FairStackDayMemory.patience <= now } ?? true
            self = memory.figures != figures || (!memory.isConfirmed && isStale) ? .read : .keep
        } else if figures.isKnown {
            return nil
        } else {
            self = .keep
        }
    }
}
