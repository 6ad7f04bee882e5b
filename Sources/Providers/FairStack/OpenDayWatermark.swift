import UsageModel

/// The days that one walk through the transactions reads, and what it found of them so far. A pure value.
///
/// A closed day is read whole. The open day grows all day long: what lies before its *ground* is counted and not read
/// again until the day has closed. The ground follows the present at a distance that leaves room for transactions that
/// are published late, and stays behind those that are not decided yet. So the open day is two slices: `""` holds what
/// lies before the ground, `recent` holds what lies after it and is replaced at every sync.
struct OpenDayWatermark {
    /// The scope of the open day's slice after the ground.
    static let recent = "recent"
    /// How far the ground follows behind the present.
    static let margin = Duration.hours(1)
    /// A transaction that is not decided after this long no longer holds the ground back: the ladder finds it.
    static let patience = Duration.hours(6)

    struct Part {
        let due: DueSlice
        /// What is earlier is counted already.
        let from: Timestamp
        var transactions: [FairStackTransaction] = []

        fileprivate var isOpenDayContinued: Bool { from > due.slice.period.start }
    }

    /// What one finished part gives to a reading.
    struct Finished {
        var slices: [SliceReading] = []
        /// The open day's new ground; nil for other days.
        var ground: Timestamp?
    }

    private(set) var parts: [Part]
    /// When the walk began: what is read is complete up to here.
    let asked: Timestamp

    /// - Parameter ground: the open day's, as remembered; nil where there is none.
    init(due: [DueSlice], ground: Timestamp?, asked: Timestamp) {
        self.asked = asked
        parts = due.map { due in
            let period = due.slice.period
            let isOpen = period.contains(asked) && due.lastRead != nil
            // A ground in the future was set by a clock that has been set back since.
            let from = ground.flatMap { isOpen && period.contains($0) && $0 <= asked ? $0 : nil }
            return Part(due: due, from: from ?? period.start)
        }
    }

    /// Nothing is left to read.
    var isEmpty: Bool { parts.isEmpty }

    /// Takes transactions; those of no part are counted already, or belong to days that are not due.
    mutating func take(_ transactions: [FairStackTransaction]) {
        for transaction in transactions {
            let time = transaction.createdAt
            guard let index = parts.firstIndex(where: { $0.due.slice.period.contains(time) && $0.from <= time }) else {
                continue
            }
            parts[index].transactions.append(transaction)
        }
    }

    /// Removes the parts that the walk has passed by, and returns them.
    ///
    /// - Parameters:
    ///   - passed: everything later was seen; nil where nothing was.
    ///   - isEnd: there is nothing more.
    mutating func finish(passed: Timestamp?, isEnd: Bool) -> [Part] {
        let isFinished: (Part) -> Bool = { part in isEnd || passed.map { $0 < part.from } ?? false }
        defer { parts.removeAll(where: isFinished) }
        return parts.filter(isFinished)
    }

    /// The slices of a finished part.
    ///
    /// - Parameter earlier: the cells that the slice has; used where its day goes on from the ground.
    func finished(_ part: Part, earlier: [Cell]) -> Finished {
        let slice = part.due.slice
        let recent = SliceID(scope: Self.recent, period: slice.period)
        guard slice.period.contains(asked) else {
            var slices = [SliceReading(slice, cells: part.transactions.cells, readAt: asked)]
            // While it was open it may have had two slices; the whole day is in the first now.
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
