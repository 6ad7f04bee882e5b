import NIOConcurrencyHelpers
import UsageModel

/// The charges of a simulated Venice account, and the part of them that the provider shows now.
///
/// With `traffic` the store also holds generated charges, generated on first access.
package final class VeniceBillingStore: Sendable {
    /// Identifies a charge for a later change.
    package struct ChargeID: Sendable, Hashable {
        let index: Int
    }

    /// A row and its ordinal, which orders rows with equal timestamps.
    struct Numbered: Sendable, Hashable {
        let row: VeniceBillingRow
        let number: Int

        /// The position from which paging continues after this row.
        var position: VeniceWalkPosition {
            VeniceWalkPosition(milliseconds: row.timestamp.milliseconds, number: number)
        }
    }

    private struct State {
        var charges: [VeniceCharge?] = []
        var incomes: [VeniceIncome] = []
        /// Sorted by position.
        var rows: [Numbered] = []
        var fresh: [Numbered] = []
        var nextNumber = 0
        var generatedUpTo: Timestamp?

        mutating func append(_ rows: [VeniceBillingRow]) {
            for row in rows {
                fresh.append(Numbered(row: row, number: nextNumber))
                nextNumber += 1
            }
        }

        mutating func sort() {
            guard !fresh.isEmpty else { return }
            rows += fresh
            fresh = []
            rows.sort { $0.position < $1.position }
        }

        func rows(after position: VeniceWalkPosition) -> ArraySlice<Numbered> {
            var low = 0
            var high = rows.count
            while low < high {
                let middle = (low + high) / 2
                if rows[middle].position <= position { low = middle + 1 } else { high = middle }
            }
            return rows[low...]
        }
    }

    private let clock: any WallClock
    private let traffic: VeniceTraffic?
    private let state = NIOLockedValueBox(State())

    /// A store with only the charges of `traffic`.
    package init(clock: any WallClock, traffic: VeniceTraffic? = nil) {
        self.clock = clock
        self.traffic = traffic
    }

    /// Adds a charge at any time, past or future.
    @discardableResult
    package func add(_ charge: VeniceCharge) -> ChargeID {
        state.withLockedValue { state in
            state.charges.append(charge)
            state.append(charge.rows)
            return ChargeID(index: state.charges.count - 1)
        }
    }

    /// Adds charges at any times, past or future.
    package func add(_ charges: [VeniceCharge]) {
        for charge in charges { add(charge) }
    }

    /// Adds a top-up or refund.
    package func add(_ income: VeniceIncome) {
        state.withLockedValue { state in
            state.incomes.append(income)
            state.append([income.row])
        }
    }

    /// The provider changes or removes (nil) a charge; returns false if it does not exist.
    @discardableResult
    package func replace(_ id: ChargeID, by charge: VeniceCharge?) -> Bool {
        state.withLockedValue { state in
            state.sort()
            guard state.charges.indices.contains(id.index), let old = state.charges[id.index] else { return false }
            let gone = old.rows
            state.rows.removeAll { gone.contains($0.row) }
            state.charges[id.index] = charge
            state.append(charge?.rows ?? [])
            return true
        }
    }

    /// Expected totals: charges from `start` on that the provider shows now.
    package func visibleTruth(from start: Timestamp) -> VeniceTruth {
        withState { state, now in
            var truth = VeniceTruth()
            for case let charge? in state.charges where charge.time >= start && charge.visibleFrom <= now {
                truth.add(charge)
            }
            for income in state.incomes where income.time >= start && income.time <= now { truth.add(income) }
            return truth
        }
    }

    /// The shown charges from `start` on, in the order in which they were added.
    func charges(from start: Timestamp) -> [(id: ChargeID, charge: VeniceCharge)] {
        withState { state, now in
            state.charges.enumerated().compactMap { index, charge in
                guard let charge, charge.time >= start, charge.visibleFrom <= now else { return nil }
                return (ChargeID(index: index), charge)
            }
        }
    }

    /// At most `limit` shown rows of a period after a position (exclusive).
    func rows(
        in period: Period, after position: VeniceWalkPosition? = nil, limit: Int = .max,
        where isWanted: (VeniceBillingRow) -> Bool = { _ in true }
    ) -> [Numbered] {
        withState { state, now in
            var found: [Numbered] = []
            for numbered in state.rows(after: position ?? .before(period.start)) {
                guard numbered.row.timestamp < period.end, found.count < limit else { break }
                if numbered.row.visibleFrom <= now, isWanted(numbered.row) { found.append(numbered) }
            }
            return found
        }
    }

    /// The sum of the shown rows of a period, as a positive amount. Does not copy the rows, because balances are
    /// requested often.
    func spent(in period: Period, where isCounted: (VeniceBillingRow) -> Bool) -> ExactDecimal {
        withState { state, now in
            var sum = ExactDecimal.zero
            for numbered in state.rows(after: .before(period.start)) {
                let row = numbered.row
                guard row.timestamp < period.end else { break }
                if row.visibleFrom <= now, row.amount.isNegative, isCounted(row) { sum -= row.amount }
            }
            return sum
        }
    }

    private func withState<Value>(_ body: (inout State, Timestamp) -> Value) -> Value {
        state.withLockedValue { state in
            let now = clock.now
            if let traffic {
                var hour = state.generatedUpTo ?? traffic.start
                while hour <= now {
                    for charge in traffic.charges(inHourOf: hour) {
                        state.charges.append(charge)
                        state.append(charge.rows)
                    }
                    hour = hour + .hours(1)
                }
                state.generatedUpTo = hour
            }
            state.sort()
            return body(&state, now)
        }
    }
}

/// A position in the order of rows.
struct VeniceWalkPosition: Sendable, Hashable, Comparable {
    let milliseconds: Int64
    let number: Int

    /// The position before every row with that timestamp.
    static func before(_ time: Timestamp) -> VeniceWalkPosition {
        VeniceWalkPosition(milliseconds: time.milliseconds, number: -1)
    }

    static func < (left: VeniceWalkPosition, right: VeniceWalkPosition) -> Bool {
        (left.milliseconds, left.number) < (right.milliseconds, right.number)
    }
}

extension VeniceBillingStore {
    /// Changes that `disturb` makes.
    package struct Disturbance: Sendable, Hashable {
        /// The number of charges posted now, dated earlier.
        package var late: Int
        /// The number of charges that are raised, lowered or removed.
        package var revised: Int
        /// The maximum age of all these charges.
        package var age: Duration

        package init(late: Int, revised: Int, age: Duration) {
            self.late = late
            self.revised = revised
            self.age = age
        }
    }

    /// Posts charges late and revises others up and down, deterministically for the same seed and store.
    package func disturb(_ disturbance: Disturbance, now: Timestamp, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let known = charges(from: now - disturbance.age)
        for number in 0..<disturbance.late {
            let age = random.below(max(1, Int(disturbance.age.wholeMilliseconds)))
            var charge = VeniceCharge(
                id: "late-\(seed)-\(number)", time: now - .milliseconds(age), model: "late-model",
                work: .images(1 + random.below(4)), unitPrice: ExactDecimal(micros: 1000 + random.below(90_000)))
            charge.keyID = known.isEmpty ? nil : known[random.below(known.count)].charge.keyID
            charge.visibleFrom = now
            add(charge)
        }
        guard !known.isEmpty else { return }
        for _ in 0..<disturbance.revised {
            let (id, charge) = known[random.below(known.count)]
            var revised = charge
            switch random.below(3) {
            case 0: revised.unitPrice = charge.unitPrice * 2
            case 1: revised.unitPrice = ExactDecimal(micros: 10)
            default:
                replace(id, by: nil)
                continue
            }
            replace(id, by: revised)
        }
    }
}
