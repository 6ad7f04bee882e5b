import NIOConcurrencyHelpers
import UsageModel

/// What a FairStack account did, and how much of it the API shows at the moment.
///
/// The present comes from the clock. With `traffic` the store also holds the generator's requests, made when somebody
/// first asks for them, so that live traffic needs no timer.
package final class FairStackStore: Sendable {
    private struct State {
        /// By time, the oldest first; those of one second by id.
        var transactions: [FairStackTransaction] = []
        var isSorted = true
        var generatedUpTo: Timestamp?
    }

    private let clock: any WallClock
    private let traffic: TrafficGenerator?
    private let keys: [String]
    private let state = NIOLockedValueBox(State())

    /// A store without transactions but those of `traffic`, whose requests the `keys` share.
    package init(clock: any WallClock, traffic: TrafficGenerator? = nil, keys: [String] = []) {
        self.clock = clock
        self.traffic = traffic
        self.keys = keys
    }

    /// Adds transactions, whenever they happened.
    package func add(_ transactions: [FairStackTransaction]) {
        state.withLockedValue { state in
            state.transactions += transactions
            state.isSorted = false
        }
    }

    /// The provider says something else of a transaction than before; false where there is no such transaction.
    @discardableResult
    package func revise(_ id: String, _ change: (inout FairStackTransaction) -> Void) -> Bool {
        state.withLockedValue { state in
            guard let index = state.transactions.firstIndex(where: { $0.id == id }) else { return false }
            change(&state.transactions[index])
            return true
        }
    }

    /// Adds charges to the days of a period that the provider shows late: some at once, some up to the given age later.
    /// Which ones follows from the seed.
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

    /// What `GET /v1/usage` counts in these days, of one key or of all: by day, in order.
    ///
    /// - Parameter lag: how far the figures are behind.
    func usage(
        from first: UTCDay, to last: UTCDay, key: String?, lag: Duration = .zero
    ) -> [(day: UTCDay, figures: FairStackFigures)] {
        withTransactions { transactions, present in
            let now = present - lag
            var days: [(day: UTCDay, figures: FairStackFigures)] = []
            let start = Self.place(of: (first.start, ""), in: transactions)
            for transaction in transactions[start...] {
                guard transaction.time < last.period.end else { break }
                guard transaction.isUsage(at: now), key == nil || transaction.key == key else { continue }
                if days.last?.day != transaction.time.day { days.append((transaction.time.day, FairStackFigures())) }
                days[days.count - 1].figures.add(transaction)
            }
            return days
        }
    }

    /// So many transactions before a place, the newest first, and whether there are more.
    func page(
        before place: (time: Timestamp, id: String)?, limit: Int, where isWanted: (FairStackTransaction) -> Bool
    ) -> (rows: [(transaction: FairStackTransaction, status: String)], hasMore: Bool) {
        withTransactions { transactions, now in
            let end = place.map { Self.place(of: $0, in: transactions) } ?? transactions.count
            var rows: [(transaction: FairStackTransaction, status: String)] = []
            for transaction in transactions[..<end].reversed()
            where transaction.visibleFrom <= now && isWanted(transaction) {
                guard rows.count < limit else { return (rows, true) }
                rows.append((transaction, transaction.status(at: now)))
            }
            return (rows, false)
        }
    }

    /// The given number of transactions, the oldest first.
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

    /// Everything that is decided and shown, in millionths of a dollar: what was charged less what was paid in.
    var shownMicros: Int { sum { _ in true } }

    /// What was charged since a moment, in millionths of a dollar.
    func spentMicros(since start: Timestamp) -> Int {
        sum { $0.time >= start && $0.kind == .generation }
    }

    private func sum(_ isCounted: (FairStackTransaction) -> Bool) -> Int {
        withTransactions { transactions, now in
            transactions.reduce(0) { sum, transaction in
                let counts =
                    transaction.visibleFrom <= now && transaction.status(at: now) == "completed"
                    && isCounted(transaction)
                return sum + (counts ? transaction.micro : 0)
            }
        }
    }

    /// A recount of what the API shows of a period by now, which shares nothing with its answers.
    package func truth(in period: Period) -> FairStackTruth {
        withTransactions { transactions, now in
            var truth = FairStackTruth()
            for transaction in transactions where period.contains(transaction.time) && transaction.visibleFrom <= now {
                truth.count(transaction, status: transaction.decidedAt <= now ? transaction.status : "pending")
            }
            return truth
        }
    }

    /// The first transaction that is not before a place.
    private static func place(of place: (time: Timestamp, id: String), in all: [FairStackTransaction]) -> Int {
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if (all[middle].time, all[middle].id) < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func withTransactions<Value>(_ body: ([FairStackTransaction], Timestamp) -> Value) -> Value {
        state.withLockedValue { state in
            // Read inside the lock: two readers must not show the store two times in the wrong order.
            let now = clock.now
            if let traffic {
                var hour = state.generatedUpTo ?? traffic.start
                while hour <= now {
                    for (place, event) in traffic.events(inHourOf: hour).enumerated() {
                        state.transactions.append(transaction(event, place))
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

    /// A generated request; the first key makes half of them, the second a quarter, and so on, the rest no key.
    private func transaction(_ event: UsageEvent, _ place: Int) -> FairStackTransaction {
        var random = SplitMix64(seed: SplitMix64.mixed(UInt64(bitPattern: event.time.milliseconds)))
        let key = keys.indices.first { _ in random.unit() < 0.5 }.map { keys[$0] }
        return FairStackTransaction(
            id: "gen_\(event.time.milliseconds)_\(place)", time: event.time, key: key, model: event.model,
            modality: event.modality, micro: (event.cost * 1_000_000).wholeNumber ?? 0,
            status: event.succeeded ? "completed" : "failed", visibleFrom: event.visibleFrom)
    }
}
