import Upstream
import UsageModel

/// `POST /api/v3/billings/search`: cost by key and refunds, one UTC day per slice.
///
/// The records are another view of the cost of `usage_stats`: they are never added to it. A day is committed only when
/// all its pages were read, so that no sum is partial.
///
/// The documentation gives times as milliseconds since 1970 in text, the provider's own client sends ISO 8601. This
/// source sends ISO 8601, as for `usage_stats`, and rejects records outside the queried day, so that an API that ignores
/// the form yields a failure and no figure.
struct WaveSpeedBillingsSource: UsageSource {
    static let endpoint = "billings"
    /// The maximum number of pages of one sync.
    static let pagesPerSync = 100
    static let stateMemory = "state"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = Slicing(unit: .day)
    let costViews: Set<LedgerFamily> = [.keyCost]
    let api: any UpstreamAPI

    private struct Filters: Encodable {
        let billing_type: String
        /// Oldest first, so that records that arrive meanwhile are on the last page.
        let sort = "created_at ASC"
        let start_time: String
        let end_time: String
    }

    /// The state that is stored between syncs.
    private struct State: Equatable, Codable {
        var names = WaveSpeedKeyNames()
        /// The day that the last sync could not finish.
        var next: String?
        /// Days with more pages than one sync may read, and when they were found so; nil in states of earlier versions.
        var skipped: [String: Timestamp]? = [:]
    }

    /// The time until a day of too many pages is read again: its `total` may have been wrong.
    static let pause = Duration.hours(6)
    /// The number of days for which it is remembered that they are too large.
    private static let longestSkip = 400

    func sync(_ context: any SyncContext) async throws {
        var state: State = try await context.remembered(Self.stateMemory) ?? State()
        var pages = WaveSpeedPages(
            api: api, path: "/api/v3/billings/search", endpoint: Self.endpoint, allowance: Self.pagesPerSync)
        var parts = UnreadableParts()
        let before = state
        let (start, now) = (context.now.day.advanced(by: -Self.longestSkip), context.now)
        var skipped = (state.skipped ?? [:]).filter { UTCDay($0.key).map { $0 >= start } ?? false }
        var due = context.dueSlices.filter { slice in
            guard let found = skipped[Self.name(of: slice)] else { return true }
            return found > now || found + Self.pause <= now
        }
        // With the whole allowance a day is either finished or known to be too large, so each sync makes progress.
        if let index = due.firstIndex(where: { Self.name(of: $0) == state.next }) {
            due.insert(due.remove(at: index), at: 0)
        }
        state.next = nil
        for slice in due where state.next == nil {
            let hasWholeAllowance = pages.allowance == Self.pagesPerSync
            var isFinished = true
            try await parts.isolate { isFinished = try await read(slice, &pages, &state, context) }
            skipped[Self.name(of: slice)] = nil
            guard !isFinished else { continue }
            if hasWholeAllowance {
                skipped[Self.name(of: slice)] = now
            } else {
                state.next = Self.name(of: slice)
            }
        }
        state.skipped = skipped
        if state != before {
            var reading = Reading()
            reading.memory[Self.stateMemory] = try RememberedJSON.text(of: state)
            try await context.commit(reading)
        }
        if !skipped.isEmpty {
            context.remark(
                "\(skipped.count) days have more than \(Self.pagesPerSync * WaveSpeedPages.size) billing records, "
                    + "the most that one sync reads; their cost by key and refunds are missing")
        }
        try parts.check()
        // History that is counted by a later sync would be a live increase of the counters.
        if context.isFirst, state.next != nil { throw SyncPostponed(until: context.now + minimumInterval) }
    }

    private static func name(of slice: DueSlice) -> String { slice.slice.period.start.day.description }

    /// Reads a day and commits it.
    ///
    /// - Returns: false if the allowance does not suffice; nothing is committed then.
    private func read(
        _ due: DueSlice, _ pages: inout WaveSpeedPages, _ state: inout State, _ context: any SyncContext
    ) async throws -> Bool {
        let requestedAt = context.now
        guard let charges = try await records("deduct", of: due.slice.period.start.day, &pages, context),
            let refunds = try await records("refund", of: due.slice.period.start.day, &pages, context)
        else { return false }
        state.names.learn(charges)
        var costs: [String: ExactDecimal] = [:]
        for charge in charges { costs[state.names.name(of: charge), default: .zero] += charge.amount }
        var cells = costs.sorted { $0.key < $1.key }.map { Cell(.keyCost, [$0.key], $0.value) }
        // The list was read completely, so a day without refunds is a figure.
        cells.append(Cell(.refunds, [], refunds.reduce(.zero) { $0 + $1.amount }))
        var reading = Reading()
        reading.slices = [SliceReading(due.slice, cells: cells, readAt: requestedAt)]
        reading.memory[Self.stateMemory] = try RememberedJSON.text(of: state)
        try await context.commit(reading)
        return true
    }

    /// Returns the records of one type on a day; nil if the allowance does not suffice.
    private func records(
        _ type: String, of day: UTCDay, _ pages: inout WaveSpeedPages, _ context: any SyncContext
    ) async throws -> [WaveSpeedBilling]? {
        let filters = Filters(
            billing_type: type, start_time: "\(day)T00:00:00.000Z", end_time: "\(day)T23:59:59.999Z")
        let rows = try await pages.rows(of: WaveSpeedBilling.self, matching: filters, context) { rows in
            guard let stranger = rows.first(where: { $0.created_at.value.day != day }) else { return }
            throw SourceFailure(
                .decode,
                "billings of \(day) list a record of \(stranger.created_at.value.day): "
                    + "start_time and end_time were ignored")
        }
        // The filter by type may be ignored.
        return rows?.filter { $0.billing_type.value == type }
    }
}

/// A record of `POST /api/v3/billings/search`: a charge (`deduct`) or a refund.
///
/// The other fields are not read: `order` repeats the price, and a failed `prediction` has a refund of its own.
struct WaveSpeedBilling: WaveSpeedRow {
    let uuid: LenientString?
    let billing_type: LenientString
    let price: LenientDecimal
    let created_at: LenientTimestamp
    let access_key_name: Decoration<LenientString>
    let access_key_uuid: Decoration<LenientString>
    let access_key_id: Decoration<LenientString>

    var id: LenientString? { uuid }

    /// USD. The type determines the direction, so a sign in `price` would only repeat it.
    var amount: ExactDecimal { price.value.magnitude }

    /// The provider's id of the key; nil if the record has none.
    fileprivate var keyID: String? {
        [access_key_uuid, access_key_id].lazy.compactMap { $0.value?.value }.first { !$0.isEmpty }
    }

    fileprivate var keyName: String? { access_key_name.value.flatMap { $0.value.isEmpty ? nil : $0.value } }
}

/// The values of the label `key`, by the ids of keys. A value type, stored as JSON.
///
/// A key keeps the value of its first record, also if it is renamed later: under a new name the cost would count twice,
/// because the counter of the old name never falls.
struct WaveSpeedKeyNames: Equatable, Codable {
    private var byID: [String: String] = [:]

    /// Assigns names to the keys of new records: the name, or the id if there is none or if two keys share it.
    mutating func learn(_ records: [WaveSpeedBilling]) {
        var new: [String: String] = [:]
        for record in records {
            guard let id = record.keyID, byID[id] == nil, new[id]?.isEmpty ?? true else { continue }
            new[id] = record.keyName ?? ""
        }
        let taken = Set(byID.values)
        let holders = Dictionary(new.map { ($0.value, 1) }, uniquingKeysWith: +)
        for (id, name) in new.sorted(by: { $0.key < $1.key }).prefix(max(0, longestArray - byID.count)) {
            let isUnique = !name.isEmpty && holders[name] == 1 && !taken.contains(name)
            byID[id] = isUnique ? name : id
        }
    }

    /// Returns the value of the label `key`; empty if the record names no key.
    func name(of record: WaveSpeedBilling) -> String {
        guard let id = record.keyID else { return record.keyName ?? "" }
        return byID[id] ?? id
    }
}
