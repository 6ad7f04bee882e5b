import Upstream
import UsageModel

/// `GET /v1/usage/transactions`: failed generations by model, top-ups, refunds, and the modality of each model.
///
/// The endpoint has no time filter. Pages are read from the newest back to known transactions, at the first sync back
/// to the start of the ledger. The cost of completed generations comes from `usage`, complete and by key, and is not
/// counted again here. The filters `type` and `modality` are not used, because one traversal returns all types.
struct FairStackTransactionsSource: UsageSource {
    static let endpoint = "transactions"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .day)
    let api: any UpstreamAPI

    /// The documented maximum: "Max results (1-100)."
    static let pageSize = 100
    private static let groundMemory = "ground"

    func sync(_ context: any SyncContext) async throws {
        var days = OpenDayWatermark(
            due: context.dueSlices, ground: try await context.memory(Self.groundMemory).flatMap { Timestamp($0) },
            asked: context.now)
        var models = FairStackModels(try await context.gauges(.modelInfo))
        guard try await !walk(&days, &models, context) else { return }
        // A cursor may expire. Committed days are complete; the others are read again from the newest page, once.
        var rest = OpenDayWatermark(
            due: days.parts.map(\.due), ground: try await context.memory(Self.groundMemory).flatMap { Timestamp($0) },
            asked: context.now)
        guard try await !walk(&rest, &models, context) else { return }
        throw SourceFailure(
            .decode,
            "transactions: the cursor is rejected, repeats, or leads to more than \(FairStackPageWalk.longest) rows, "
                + "also after restarting at the newest page")
    }

    /// Reads pages until every day is complete, and commits each day once it is. Returns false if the pages stop early.
    private func walk(
        _ days: inout OpenDayWatermark, _ models: inout FairStackModels, _ context: any SyncContext
    ) async throws -> Bool {
        var walk = FairStackPageWalk()
        var cursor: String?
        while !days.isEmpty {
            guard let page = try await page(at: cursor) else { return false }
            let (new, step) = walk.take(page)
            days.take(new)
            for model in new.compactMap(\.model) { models.learn(model) }
            let finished = days.finish(passed: walk.passed, isEnd: step == .end)
            if !finished.isEmpty { try await commit(finished, of: days, models, context) }
            if days.isEmpty { return true }
            guard case .page(let next) = step else { return false }
            cursor = next
        }
        return true
    }

    private func commit(
        _ finished: [OpenDayWatermark.Part], of days: OpenDayWatermark, _ models: FairStackModels,
        _ context: any SyncContext
    ) async throws {
        var reading = Reading()
        for part in finished {
            let earlier = part.due.lastRead == nil ? [] : try await context.cells(of: part.due.slice)
            let day = days.finished(part, earlier: earlier)
            reading.slices += day.slices
            if let ground = day.ground { reading.memory[Self.groundMemory] = ground.description }
        }
        reading.gauges[.modelInfo] = models.samples
        try await context.commit(reading)
    }

    /// Reads a page; nil if the API rejects the cursor.
    private func page(at cursor: String?) async throws -> FairStackPage? {
        var query = [(name: "limit", value: "\(Self.pageSize)")]
        if let cursor { query.append((name: "cursor", value: cursor)) }
        do {
            let response = try await api.send(UpstreamCall(.get, "/v1/usage/transactions", query: query))
            return try FairStackBody<FairStackPage>.payload(of: response)
        } catch let failure as UpstreamFailure where cursor != nil && [400, 404, 410, 422].contains(failure.status) {
            return nil
        }
    }
}

/// The modality of each model, collected over syncs. A model has one series, with the modality of its last use.
struct FairStackModels {
    private var modalities: [String: String] = [:]
    private var learned: Set<String> = []

    /// Starts with the samples of the last sync.
    init(_ samples: [GaugeSample]) {
        for sample in samples where sample.labels.count == 2 { modalities[sample.labels[0]] = sample.labels[1] }
    }

    /// Records a transaction's model. Transactions come newest first, so the first one of a model counts.
    mutating func learn(_ model: FairStackTransactionRow.Model) {
        if learned.insert(model.id).inserted { modalities[model.id] = model.modality }
    }

    /// All samples of the family.
    var samples: [GaugeSample] {
        // Limited, because new names in every response must not grow the family without bound.
        modalities.sorted { $0.key < $1.key }.prefix(longestArray).map { GaugeSample([$0.key, $0.value], 1) }
    }
}

/// One traversal of the pages of transactions, from the newest back. A value type that receives each page.
///
/// With a cursor, transactions that arrive during the traversal shift no rows; rows that two pages repeat are dropped
/// by id. A traversal without progress (a repeated cursor, a page without new rows) is broken, and so is one beyond
/// `longest` rows.
struct FairStackPageWalk {
    /// The step after a page.
    enum Step: Equatable {
        /// Read the page at this cursor.
        case page(cursor: String)
        /// Stop, because this was the last page.
        case end
        /// Stop, because the pages are not reliable.
        case broken
    }

    /// The maximum number of transactions of one traversal: about 20,000 a day for a month of history.
    static let longest = 600_000

    /// The number of last rows that determine the progress. Old rows among newer ones, such as late failures listed by
    /// the time of their change, must not end the traversal.
    static let tailLength = 10

    private var ids: Set<String> = []
    private var cursors: Set<String> = []
    /// The times of the last rows, over as many pages as needed.
    private var tail: [Timestamp] = []

    /// The time after which every transaction was seen; nil before there are enough rows to determine it.
    ///
    /// It is the newest time of the last rows, because single rows may violate the order "most recent first".
    var passed: Timestamp? { tail.count < Self.tailLength ? nil : tail.max() }

    /// Processes a page. Returns the transactions that are new, and the next step.
    mutating func take(_ page: FairStackPage) -> (new: [FairStackTransactionRow], step: Step) {
        let new = page.transactions.values.filter { ids.insert($0.id.value).inserted }.map(FairStackTransactionRow.init)
        tail = (tail + page.transactions.values.map(\.created_at.value)).suffix(Self.tailLength)
        guard let cursor = page.nextCursor else { return (new, .end) }
        guard !new.isEmpty, ids.count <= Self.longest, cursors.insert(cursor).inserted else { return (new, .broken) }
        return (new, .page(cursor: cursor))
    }
}

/// A transaction, reduced to what `GET /v1/usage` does not report: failures, top-ups and refunds.
struct FairStackTransactionRow: Equatable {
    /// The effect of a transaction on the ledger.
    enum Meaning: Equatable {
        /// A generation that failed; `""` if the model is not named.
        case failure(model: String)
        /// Money paid in, in USD.
        case topUp(ExactDecimal)
        /// Money refunded, in USD.
        case refund(ExactDecimal)
        /// A transaction without a known final status.
        case pending
        /// A transaction that is not counted here: successful generations are in `usage`, cancelled ones are neither
        /// success nor failure, and other types are unknown.
        case nothing
    }

    struct Model: Equatable {
        let id: String
        let modality: String
    }

    let id: String
    let createdAt: Timestamp
    let meaning: Meaning
    /// The model and its modality, if both are named.
    let model: Model?

    // FairStack's documents list different words for the same status. A word in none of these sets is a success if the
    // generation is charged, because a failed one is not; without a charge its outcome is not known.

    /// Status values of a generation in progress, also if an amount is reserved for it.
    private static let pendingWords: Set<String> = [
        "pending", "queued", "created", "submitted", "starting", "started", "processing", "running", "in_progress",
    ]
    /// Status values of a success. `partial` is charged and has results.
    private static let successWords: Set<String> = ["completed", "complete", "succeeded", "success", "partial"]
    /// Status values of a failure, also if a cost is named.
    private static let failureWords: Set<String> = [
        "failed", "failure", "error", "errored", "refunded", "rejected", "expired", "timeout", "timed_out",
    ]
    /// Status values of a generation that its user cancelled: neither success nor failure.
    private static let withdrawnWords: Set<String> = ["cancelled", "canceled"]

    init(_ row: FairStackPage.Transaction) {
        id = row.id.value
        createdAt = row.created_at.value
        if let model = row.model?.value, let modality = row.modality.value?.value, !model.isEmpty, !modality.isEmpty {
            self.model = Model(id: model, modality: modality)
        } else {
            model = nil
        }
        meaning = Self.meaning(of: row)
    }

    private static func meaning(of row: FairStackPage.Transaction) -> Meaning {
        let status = row.status?.value.lowercased() ?? "completed"
        // Top-ups and refunds are negative, because usage is positive; the code does not rely on the sign. The families
        // are in USD, so money in another currency is not counted.
        let amount = row.cost?.foreignUnit == nil ? row.cost?.amount?.magnitude : nil
        switch row.type?.value.lowercased() {
        case "generation":
            return meaning(ofGeneration: status, row)
        case "top_up":
            return settled(status, amount.map(Meaning.topUp))
        case "refund":
            return settled(status, amount.map(Meaning.refund))
        default:
            return .nothing
        }
    }

    private static func meaning(ofGeneration status: String, _ row: FairStackPage.Transaction) -> Meaning {
        if failureWords.contains(status) { return .failure(model: row.model?.value ?? "") }
        if successWords.contains(status) || withdrawnWords.contains(status) { return .nothing }
        let isCharged = (row.cost?.micro?.value ?? 0) > 0
        return isCharged && !pendingWords.contains(status) ? .nothing : .pending
    }

    /// Returns the meaning of money that was paid in or given back. An unknown status is not counted.
    private static func settled(_ status: String, _ money: Meaning?) -> Meaning {
        if pendingWords.contains(status) { return .pending }
        return successWords.contains(status) ? money ?? .nothing : .nothing
    }
}

extension Sequence<FairStackTransactionRow> {
    /// The cells of these transactions. The API does not report the key of a request, so it is `key=""`.
    var cells: [Cell] {
        var failures: [String: Int] = [:]
        var topUps: ExactDecimal?
        var refunds: ExactDecimal?
        for transaction in self {
            switch transaction.meaning {
            case .failure(let model): failures[model, default: 0] += 1
            case .topUp(let amount): topUps = (topUps ?? .zero) + amount
            case .refund(let amount): refunds = (refunds ?? .zero) + amount
            case .pending, .nothing: continue
            }
        }
        var cells = failures.map { Cell(.outcomes, ["", $0.key, "failure"], ExactDecimal($0.value)) }
        if let topUps { cells.append(Cell(.topups, [], topUps)) }
        if let refunds { cells.append(Cell(.refunds, [], refunds)) }
        return cells
    }
}
