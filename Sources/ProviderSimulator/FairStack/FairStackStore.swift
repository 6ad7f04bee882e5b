import NIOConcurrencyHelpers
import UsageModel

/// The transactions of a FairStack account, and the part of them that the API shows now.
///
/// The clock determines the current time. With `traffic` the store also holds the generator's requests, generated on
/// first access, so that live traffic needs no timer.
package final class FairStackStore: Sendable {
    private struct State {
        /// By time, oldest first; within a second by id.
        var transactions: [FairStackTransaction] = []
        var isSorted = true
        var generatedUpTo: Timestamp?
    }

    private let clock: any WallClock
    private let traffic: TrafficGenerator?
    private let keys: [String]
    private let state = NIOLockedValueBox(State())

    /// A store with only the transactions of `traffic`, whose requests are spread over `keys`.
    package init(clock: any WallClock, traffic: TrafficGenerator? = nil, keys: [String] = []) {
        self.clock = clock
        self.traffic = traffic
        self.keys = keys
    }

    /// Adds transactions at any times, past or future.
    package func add(_ transactions: [FairStackTransaction]) {
        state.withLockedValue { state in
            state.transactions += transactions
            state.isSorted = false
        }
    }

    /// The provider changes a transaction; returns false if it does not exist.
    @discardableResult
    package func revise(_ id: String, _ change: (inout FairStackTransaction) -> Void) -> Bool {
        state.withLockedValue { state in
            guard let index = state.transactions.firstIndex(where: { $0.id == id }) else { return false }
            change(&state.transactions[index])
            return true
        }
    }

    /// Adds charges in a period that the provider shows with a delay of up to `age`. The seed determines the charges
    /// and delays.
    package func addLateCharges(_ count: Int, in period: Period, upTo age: Duration, seed: UInt64) {
        var random = SplitMix64(seed: SplitMix64.mixed(seed))
        let length = Int(period.end.milliseconds - period.start.milliseconds)
        add(
            (0..<count).map { index in
                let time = Timestamp(milliseconds: period.start.milliseconds + Int64(random.below(length)))
                let delay = Duration.milliseconds(random.below(Int(age.inSeconds * 1000) + 1))
                return FairStackTransaction(
                    id: "late_\(seed)_\(index)", time: time, key: keys.isEmpty ? nil : keys[random.below(keys.count)],
                    model: "late-model", modality: "image", micro: 1 + random.below(99_999), visibleFrom: time + delay)
            })
    }

    /// The usage that `GET /v1/usage` counts for a range of days, of one key or of all, by day in order.
    ///
    /// - Parameter lag: how far the totals are behind.
    func usage(
        from first: UTCDay, to last: UTCDay, key: String?, lag: Duration = .zero
    ) -> [(day: UTCDay, figures: FairStackFigures)] {
        withTransactions { transactions, present in
            let now = present - lag
            var days: [(day: UTCDay, figures: FairStackFigures)] = []
            let start = Self.index(of: (first.start, ""), in: transactions)
            for transaction in transactions[start...] {
                guard transaction.time < last.period.end else { break }
                guard transaction.isUsage(at: now), key == nil || transaction.key == key else { continue }
                if days.last?.day != transaction.time.day { days.append((transaction.time.day, FairStackFigures())) }
                days[days.count - 1].figures.add(transaction)
            }
            return days
        }
    }

    /// At most `limit` transactions before a position, newest first, and whether there are more.
    func page(
        before position: (time: Timestamp, id: String)?, limit: Int, where isWanted: (FairStackTransaction) -> Bool
    ) -> (rows: [(transaction: FairStackTransaction, status: String)], hasMore: Bool) {
        withTransactions { transactions, now in
            let end = position.map { Self.index(of: $0, in: transactions) } ?? transactions.count
            var rows: [(transaction: FairStackTransaction, status: String)] = []
            for transaction in transactions[..<end].reversed()
            where transaction.visibleFrom <= now && isWanted(transaction) {
                guard rows.count < limit else { return (rows, true) }
                rows.append((transaction, transaction.status(at: now)))
            }
            return (rows, false)
        }
    }

    /// The given number of transactions, oldest first.
    func oldest(
        _ count: Int, where isWanted: (FairStackTransaction) -> Bool
    ) -> [(transaction: FairStackTransaction, status: String)] {
        withTransactions { transactions, now in
            var rows: [(transaction: FairStackTransaction, status: String)] = []
            for transaction in transactions where transaction.visibleFrom <= now && isWanted(transaction) {
                guard rows.count < count else { break }
                rows.append((transaction, transaction.status(at: now)))
            }
            return rows
        }
    }

    /// The sum of all final and shown transactions in millionths of a dollar: charges minus top-ups and refunds.
    var shownMicros: Int { sum { _ in true } }

    /// Charges since the given time, in millionths of a dollar.
    func spentMicros(since start: Timestamp) -> Int {
        sum { $0.time >= start && $0.kind == .generation }
    }

    /// The time of a key's last transaction that is shown; nil if there is none.
    func lastUse(of key: String) -> Timestamp? {
        withTransactions { transactions, now in
            transactions.last { $0.key == key && $0.visibleFrom <= now }?.time
        }
    }

    private func sum(_ isCounted: (FairStackTransaction) -> Bool) -> Int {
        withTransactions { transactions, now in
            transactions.reduce(0) { sum, transaction in
                sum + (transaction.isSettled(at: now) && isCounted(transaction) ? transaction.micro : 0)
            }
        }
    }

    /// Expected totals of a period: recounts what the API shows now, independently of its responses.
    package func truth(in period: Period) -> FairStackTruth {
        withTransactions { transactions, now in
            var truth = FairStackTruth()
            for transaction in transactions where period.contains(transaction.time) && transaction.visibleFrom <= now {
                truth.count(transaction, transaction.outcome(at: now))
            }
            return truth
        }
    }

    /// The index of the first transaction at or after a position.
    private static func index(of position: (time: Timestamp, id: String), in all: [FairStackTransaction]) -> Int {
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if (all[middle].time, all[middle].id) < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func withTransactions<Value>(_ body: ([FairStackTransaction], Timestamp) -> Value) -> Value {
        state.withLockedValue { state in
            // Read inside the lock: otherwise two readers could move the store's time backwards.
            let now = clock.now
            if let traffic {
                var hour = state.generatedUpTo ?? traffic.start
                while hour <= now {
                    for (index, event) in traffic.events(inHourOf: hour).enumerated() {
                        state.transactions.append(transaction(event, index))
                        state.isSorted = false
                    }
                    hour = hour + .hours(1)
                }
                state.generatedUpTo = hour
            }
            if !state.isSorted {
                state.transactions.sort { ($0.time, $0.id) < ($1.time, $1.id) }
                state.isSorted = true
            }
            return body(state.transactions, now)
        }
    }

    /// A generated request; the first key makes half of them, the second a quarter, and so on, the rest are without a
    /// key.
    private func transaction(_ event: UsageEvent, _ index: Int) -> FairStackTransaction {
        var random = SplitMix64(seed: SplitMix64.mixed(UInt64(bitPattern: event.time.milliseconds)))
        let key = keys.indices.first { _ in random.unit() < 0.5 }.map { keys[$0] }
        return FairStackTransaction(
            id: "gen_\(event.time.milliseconds)_\(index)", time: event.time, key: key, model: event.model,
            modality: event.modality, micro: (event.cost * 1_000_000).wholeNumber ?? 0,
            status: event.succeeded ? "completed" : "failed", visibleFrom: event.visibleFrom)
    }
}
