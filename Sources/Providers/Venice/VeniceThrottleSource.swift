import Upstream
import UsageModel

/// `GET /api/v1/api_keys/rate_limits/log`: the last 50 requests that the provider refused by a limit, by UTC day.
///
/// The list has no time filter, so a day cannot be read again once its entries left the list. Instead each entry is
/// added once to the stored cells of its day, in the same transaction that stores it as counted. The count is a lower
/// bound where more than 50 requests were refused between two syncs.
///
/// A key without ADMIN permissions has no access. An endpoint that was never available is not a failure.
struct VeniceThrottleSource: UsageSource {
    static let endpoint = "rate_limit_log"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    private static let memoryName = "breaches"
    private static let pauseName = "next"
    /// The time until the next request after the endpoint was not available, because Venice.ai locks out clients that
    /// send many failing requests.
    static let pause = Duration.hours(6)

    func sync(_ context: any SyncContext) async throws {
        let stored: VeniceBreachMemory? = try await context.remembered(Self.memoryName)
        let requested = context.now
        guard let response = try await response(context, wasAvailable: stored != nil) else { return }
        let log = try JSONBody.decode(VeniceThrottleLog.self, from: response) { context.remark($0) }
        var memory = stored ?? VeniceBreachMemory()
        let new = memory.take(log.breaches(before: requested + .hours(1)), from: context.ledgerStart.day.start)
        if stored != nil, new.count >= VeniceThrottleLog.length {
            context.remark(
                "the log of refused requests holds the last \(VeniceThrottleLog.length), all of them new; "
                    + "genai_throttled_requests_total may miss earlier ones")
        }
        guard memory != stored else { return }
        var reading = Reading()
        reading.slices = try await slices(adding: new, requested, context, &reading.memory)
        reading.memory[Self.memoryName] = try RememberedJSON.text(of: memory)
        try await context.commit(reading)
    }

    /// Requests the log. Returns nil if it is not available and never was.
    private func response(_ context: any SyncContext, wasAvailable: Bool) async throws -> UpstreamResponse? {
        let next = try await context.memory(Self.pauseName).flatMap { Timestamp($0) }
        // A time beyond the longest delay comes from a clock that was set back since.
        if !wasAvailable, let next, next > context.now, next <= context.now + Self.pause { return nil }
        do {
            return try await api.send(UpstreamCall(.get, "/api/v1/api_keys/rate_limits/log"))
        } catch let failure as UpstreamFailure {
            let isDenied = failure.reason == .auth && [401, 403].contains(failure.status)
            guard !wasAvailable, isDenied || failure.status == 404 else { throw failure }
            var reading = Reading()
            reading.memory[Self.pauseName] = (context.now + Self.pause).description
            try await context.commit(reading)
            return nil
        }
    }

    /// Returns the days of new entries, with the cells that they add to.
    private func slices(
        adding new: [VeniceBreach], _ requested: Timestamp, _ context: any SyncContext,
        _ memory: inout [String: String?]
    ) async throws -> [SliceReading] {
        guard !new.isEmpty else { return [] }
        let names = try await VeniceKeyNames.current(context, api)
        memory[VeniceKeyNames.memoryName] = try RememberedJSON.text(of: names)
        var slices: [SliceReading] = []
        for (day, breaches) in Dictionary(grouping: new, by: \.time.day) {
            let slice = SliceID(period: day.period)
            let earlier = try await context.cells(of: slice)
            // The ledger adds up cells of one series.
            let added = breaches.map { Cell(.throttled, [$0.name(names), $0.model, $0.limit], ExactDecimal(1)) }
            slices.append(SliceReading(slice, cells: earlier + added, readAt: requested))
        }
        return slices
    }
}

/// The used fields of the response of `rate_limits/log`. `rateLimitTier` is not read: it has no label, because a model
/// has one tier.
struct VeniceThrottleLog: Decodable {
    struct Entry: Decodable {
        let apiKeyId: Decoration<LenientString>
        let modelId: Decoration<LenientString>
        let rateLimitType: Decoration<LenientString>
        /// An entry without a valid time belongs to no day and is not counted.
        let timestamp: Decoration<LenientTimestamp>
    }

    let data: BoundedArray<Entry>

    /// The documented number of entries.
    static let length = 50

    /// Returns the entries before a time. Later ones were dated by another clock; they count once this clock is there.
    func breaches(before end: Timestamp) -> [VeniceBreach] {
        data.values.compactMap { entry in
            guard let time = entry.timestamp.value?.value, time < end else { return nil }
            return VeniceBreach(
                time: time, keyID: entry.apiKeyId.value?.value ?? "", model: entry.modelId.value?.value ?? "",
                limit: entry.rateLimitType.value?.value.lowercased() ?? "")
        }
    }
}

/// A request that the provider refused by a limit.
struct VeniceBreach: Codable, Hashable {
    let time: Timestamp
    /// Empty for the web app.
    let keyID: String
    /// A model, or `endpoint:…` or `model:unknown`.
    let model: String
    /// `rpm`, `tpm`, `rpd`, `failed_requests`, …: an open set.
    let limit: String

    /// Returns the label `key`.
    func name(_ names: KeyNames) -> String {
        guard !keyID.isEmpty else { return VeniceKeyNames.webApp }
        return names.byID[keyID] ?? VeniceKeyNames.plain(id: keyID, description: nil)
    }
}

/// The refused requests that were counted.
struct VeniceBreachMemory: Codable, Equatable {
    /// A request and how many of exactly these the log listed at most.
    private struct Counted: Codable, Equatable {
        let breach: VeniceBreach
        var count: Int
    }

    /// The number of requests to store: several times the length of the log, because a log that was incomplete once
    /// must not count again.
    static let most = 4 * VeniceThrottleLog.length

    /// Newest first.
    private var counted: [Counted] = []
    /// The end of the time whose requests are no longer stored and not counted.
    private var settled = Timestamp(milliseconds: .min)

    init() {}

    /// Returns the requests from a time on that were not counted yet, and stores them.
    mutating func take(_ listed: [VeniceBreach], from start: Timestamp) -> [VeniceBreach] {
        let start = max(start, settled)
        var new: [VeniceBreach] = []
        var known = Dictionary(counted.map { ($0.breach, $0.count) }, uniquingKeysWith: max)
        let counts = Dictionary(listed.filter { $0.time >= start }.map { ($0, 1) }, uniquingKeysWith: +)
        for (breach, count) in counts {
            let before = known[breach] ?? 0
            guard count > before else { continue }
            known[breach] = count
            new += Array(repeating: breach, count: count - before)
        }
        guard !new.isEmpty else { return [] }
        counted = known.map { Counted(breach: $0.key, count: $0.value) }.sorted { $0.breach.isLater(than: $1.breach) }
        if counted.count > Self.most {
            // Equal times stay together, because a request at that time may be listed again.
            let oldest = counted[Self.most - 1].breach.time
            settled = max(settled, oldest)
            counted.removeAll { $0.breach.time < oldest }
        }
        return new
    }
}

extension VeniceBreach {
    fileprivate func isLater(than other: VeniceBreach) -> Bool {
        (time, keyID, model, limit) > (other.time, other.keyID, other.model, other.limit)
    }
}
