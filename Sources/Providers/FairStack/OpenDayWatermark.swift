import UsageModel

/// The days that one traversal of the transactions reads, and the transactions found so far. A value type.
///
/// A closed day is read completely. The open day grows, so its transactions before the watermark (`ground`) are counted
/// and not read again until the day has closed. The watermark stays a margin behind the present, because transactions
/// may be published late, and behind all pending transactions. The open day has two slices: `""` holds the transactions
/// before the watermark; `recent` holds those after it and is replaced at every sync.
struct OpenDayWatermark {
    /// The scope of the open day's slice after the watermark.
    static let recent = "recent"
    /// The distance of the watermark from the present.
    static let margin = Duration.hours(1)
    /// The age at which a pending transaction no longer holds the watermark back; the re-read schedule finds it later.
    static let patience = Duration.hours(6)

    struct Part {
        let due: DueSlice
        /// The start of the part; earlier transactions are already counted.
        let from: Timestamp
        var transactions: [FairStackTransactionRow] = []

        fileprivate var isOpenDayContinued: Bool { from > due.slice.period.start }
    }

    /// The slices and the watermark of a finished part.
    struct Finished {
        var slices: [SliceReading] = []
        /// The open day's new watermark; nil for other days.
        var ground: Timestamp?
    }

    private(set) var parts: [Part]
    /// When the traversal began; the data are complete up to this time.
    let asked: Timestamp

    /// - Parameter ground: the stored watermark of the open day; nil if there is none.
    init(due: [DueSlice], ground: Timestamp?, asked: Timestamp) {
        self.asked = asked
        parts = due.map { due in
            let period = due.slice.period
            let isOpen = period.contains(asked) && due.lastRead != nil
            // A watermark in the future was stored before the clock was set back.
            let from = ground.flatMap { isOpen && period.contains($0) && $0 <= asked ? $0 : nil }
            return Part(due: due, from: from ?? period.start)
        }
    }

    /// Whether no part is left to read.
    var isEmpty: Bool { parts.isEmpty }

    /// Adds transactions to their parts. Others are already counted, or belong to days that are not due.
    mutating func take(_ transactions: [FairStackTransactionRow]) {
        for transaction in transactions {
            let time = transaction.createdAt
            guard let index = parts.firstIndex(where: { $0.due.slice.period.contains(time) && $0.from <= time }) else {
                continue
            }
            parts[index].transactions.append(transaction)
        }
    }

    /// Removes the parts that the traversal has passed, and returns them.
    ///
    /// - Parameters:
    ///   - passed: the time after which every transaction was seen; nil if no page was read.
    ///   - isEnd: whether there are no more pages.
    mutating func finish(passed: Timestamp?, isEnd: Bool) -> [Part] {
        let isFinished: (Part) -> Bool = { part in isEnd || passed.map { $0 < part.from } ?? false }
        defer { parts.removeAll(where: isFinished) }
        return parts.filter(isFinished)
    }

    /// Returns the slices of a finished part.
    ///
    /// - Parameter earlier: the stored cells of the slice; newly counted cells are added if the day was read before.
    func finished(_ part: Part, earlier: [Cell]) -> Finished {
        let slice = part.due.slice
        let recent = SliceID(scope: Self.recent, period: slice.period)
        guard slice.period.contains(asked) else {
            var slices = [SliceReading(slice, cells: part.transactions.cells, readAt: asked)]
            // While the day was open it may have had two slices; the first one now holds the whole day.
            if part.due.lastRead != nil { slices.append(SliceReading(recent, cells: [], readAt: asked)) }
            return Finished(slices: slices)
        }
        let undecided = part.transactions.filter { $0.meaning == .pending && $0.createdAt > asked - Self.patience }
        let limit = min(asked - Self.margin, undecided.map(\.createdAt).min() ?? asked)
        let ground = max(part.from, limit)
        let counted = part.transactions.filter { $0.createdAt < ground }.cells
        return Finished(
            slices: [
                SliceReading(slice, cells: part.isOpenDayContinued ? earlier + counted : counted, readAt: asked),
                SliceReading(recent, cells: part.transactions.filter { $0.createdAt >= ground }.cells, readAt: asked),
            ],
            ground: ground)
    }
}
