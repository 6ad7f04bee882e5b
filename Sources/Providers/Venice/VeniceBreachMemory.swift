import UsageModel

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
