import UsageModel
import Upstream

/// Compares what the account's and each key's lifetime totals grew by with the sum of the hours between two readings.
///
/// The totals are read about once a day, in the middle of an hour. The hours in which they were read count only in part,
/// so that the sum has bounds: growth between them agrees. The account's difference is in
/// `genai_reconciliation_difference_usd`; a key's is only logged, because it is a part of the same difference.
struct OpenRouterLifetimeCheck {
    let api: any UpstreamAPI

    static let memoryName = "lifetime"
    /// The scope of the slices that hold the differences.
    static let scope = "lifetime"
    private static let interval = Duration.hours(24)
    /// The spans that are compared again, because hours are read again for three days.
    private static let mostSpans = 4
    /// How long the cells of an hour are certain to be kept.
    private static let kept = Duration.hours(96)
    /// The most that a total read as a double may be off.
    private static let noise = ExactDecimal(micros: 1)

    /// The lifetime totals at one time, in USD as decimal text.
    private struct Sample: Codable {
        let at: Timestamp
        let total: String
        let keys: [String: String]
    }

    private struct Memory: Codable {
        /// A keyed hash of the credential; nil if unknown. With another one, the account may be another.
        var fingerprint: String?
        var samples: [Sample] = []
    }

    private struct Credits: Decodable {
        let total_usage: LenientDecimal
    }

    func run(_ context: any SyncContext, _ memory: inout OpenRouterMemory) async throws {
        var known: Memory = try await context.remembered(Self.memoryName) ?? Memory()
        let fingerprint = try api.credentialFingerprint()
        if known.fingerprint != fingerprint { known = Memory(fingerprint: fingerprint) }
        // A sample of a clock that was set back since has no known time.
        known.samples.removeAll { $0.at > context.now }
        try await takeSample(&known, &memory, context)
        var reading = Reading()
        for (from, to) in zip(known.samples, known.samples.dropFirst()) {
            guard let difference = try await difference(from, to, memory, context) else { continue }
            reading.slices.append(
                SliceReading(
                    SliceID(scope: Self.scope, period: Period(start: from.at, end: to.at)),
                    cells: [Cell(.reconciliation, [], difference)], readAt: context.now))
        }
        reading.memory[Self.memoryName] = try RememberedJSON.text(of: known)
        try await context.commit(reading)
    }

    private func takeSample(
        _ known: inout Memory, _ memory: inout OpenRouterMemory, _ context: any SyncContext
    ) async throws {
        let now = context.now
        // A request near the start or end of an hour may be in the total of one hour and in the usage of the next.
        let minute = (now - now.startOfHour).inSeconds / 60
        guard (15..<45).contains(minute), known.samples.last.map({ now - $0.at >= Self.interval }) ?? true else {
            return
        }
        do {
            let response = try await api.send(OpenRouterCreditsSource.call.incidental)
            let total = try OpenRouterEnvelope<Credits>.payload(of: response, context).total_usage.value
            let keys = (try await memory.keys(api, context) ?? []).compactMap { key in
                key.usage.value.map { (key.id, $0.value.description) }
            }
            known.samples.append(
                Sample(
                    at: now, total: total.description, keys: Dictionary(keys, uniquingKeysWith: { first, _ in first })))
            known.samples = known.samples.suffix(Self.mostSpans + 1)
        } catch let failure as any ReasonedFailure where failure.reason != .storage {
            context.remark("hours are not compared with lifetime totals: \(failure.message)")
        }
    }

    /// Returns the growth beyond the bounds of the hours' sum; nil until all hours are read to their end.
    private func difference(
        _ from: Sample, _ to: Sample, _ memory: OpenRouterMemory, _ context: any SyncContext
    ) async throws -> ExactDecimal? {
        let end = to.at.startOfHour + .hours(1)
        let unread = context.dueSlices.contains { due in
            due.slice.period.end > from.at && due.slice.period.start < end
                && due.lastRead.map { $0 < due.slice.period.end } ?? true
        }
        guard !unread, end <= context.now, from.at.startOfHour + Self.kept > context.now,
            !(from.at.day...to.at.day).contains(where: memory.isWhole)
        else { return nil }
        var account = Bounds()
        var keys: [String: Bounds] = [:]
        var hour = from.at.startOfHour
        while hour < end {
            let isEdge = hour < from.at || hour + .hours(1) > to.at
            let cells = try await context.cells(of: SliceID(period: Period(start: hour, end: hour + .hours(1))))
            account.add(Self.cost(of: cells), isEdge: isEdge)
            for cell in cells where cell.family == .keyCost {
                keys[cell.labels[0], default: Bounds()].add(cell.value, isEdge: isEdge)
            }
            hour = hour + .hours(1)
        }
        let names = memory.names.byHash
        for (hash, usage) in to.keys {
            guard let name = names[hash], let before = from.keys[hash], names.values.count(where: { $0 == name }) == 1,
                memory.names.label(ofKey: hash, at: from.at) == name
            else { continue }
            let beyond = (keys[name] ?? Bounds()).beyond(Self.growth(before, usage))
            if beyond.magnitude >= Self.noise {
                let id = hash.prefix(OpenRouterKeysSource.idLength).filter(\.isHexDigit)
                context.remark("the lifetime usage of key \(id) and its hours differ by \(beyond) USD since \(from.at)")
            }
        }
        let beyond = account.beyond(Self.growth(from.total, to.total))
        return beyond.magnitude < Self.noise ? .zero : beyond
    }

    private static func growth(_ from: String, _ to: String) -> ExactDecimal {
        (ExactDecimal(to) ?? .zero) - (ExactDecimal(from) ?? .zero)
    }

    /// The cost of an hour in the provider's own total: parts beyond it are a difference that is already shown.
    static func cost(of cells: [Cell]) -> ExactDecimal {
        cells.reduce(.zero) { sum, cell in
            switch cell.family {
            case .cost: sum + cell.value
            case .reconciliation: sum + min(.zero, cell.value)
            default: sum
            }
        }
    }

    /// The least and the most that hours sum to, of which some count only in part.
    private struct Bounds {
        private var least = ExactDecimal.zero
        private var most = ExactDecimal.zero

        mutating func add(_ cost: ExactDecimal, isEdge: Bool) {
            if !isEdge || cost.isNegative { least += cost }
            if !isEdge || !cost.isNegative { most += cost }
        }

        /// Returns how far an amount is above or below the bounds.
        func beyond(_ amount: ExactDecimal) -> ExactDecimal {
            if amount > most { return amount - most }
            return amount < least ? amount - least : .zero
        }
    }
}
