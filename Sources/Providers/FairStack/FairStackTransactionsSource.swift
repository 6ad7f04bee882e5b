import Upstream
import UsageModel

/// `GET /v1/usage/transactions`: failed generations by model, top-ups, refunds, and what each model makes.
///
/// There is no filter by time: pages are read from the newest back to where all is known, the first time to where the
/// ledger starts. What completed generations cost is in `usage`, by key and whole, and not counted again here; `type` and
/// `modality` filters are not used, since one walk brings all types.
struct FairStackTransactionsSource: UsageSource {
    static let endpoint = "transactions"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .day)
    let api: any UpstreamAPI

    /// "Max results (1-100)."
    static let pageSize = 100
    private static let groundMemory = "ground"

    func sync(_ context: any SyncContext) async throws {
        var days = OpenDayWatermark(
            due: context.dueSlices, ground: try await context.memory(Self.groundMemory).flatMap { Timestamp($0) },
            asked: context.now)
        var models = FairStackModels(try await context.gauges(.modelInfo))
        guard try await !walk(&days, &models, context) else { return }
        // A cursor may expire. What was committed is complete; the rest starts over, once.
        var rest = OpenDayWatermark(
            due: days.parts.map(\.due), ground: try await context.memory(Self.groundMemory).flatMap { Timestamp($0) },
            asked: context.now)
        guard try await !walk(&rest, &models, context) else { return }
        throw SourceFailure(
            .decode,
            "transactions: the cursor leads nowhere new, or past \(FairStackPageWalk.longest) of them, also after starting "
                + "over")
    }

    /// Reads pages until every day is finished, committing each day once it is; false where the pages lead nowhere.
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

    /// A page; nil where the API rejects the cursor.
    private func page(at cursor: String?) async throws -> FairStackPage? {
        var query = [(name: "limit", value: "\(Self.pageSize)")]
        if let cursor { query.append((name: "cursor", value: cursor)) }
        do {
            let answer = try await api.send(UpstreamCall(.get, "/v1/usage/transactions", query: query))
            return try FairStackBody<FairStackPage>.payload(of: answer)
        } catch let failure as UpstreamFailure where cursor != nil && [400, 404, 410, 422].contains(failure.status) {
            return nil
        }
    }
}

/// What each model makes, gathered over syncs: a model has one series, of the modality that it was last used for.
struct FairStackModels {
    private var modalities: [String: String] = [:]
    private var learned: Set<String> = []

    /// Begins with what was known before.
    init(_ samples: [GaugeSample]) {
        for sample in samples where sample.labels.count == 2 { modalities[sample.labels[0]] = sample.labels[1] }
    }

    /// Takes what a transaction says; they come newest first, so that the first of a model stays.
    mutating func learn(_ model: FairStackTransaction.Model) {
        if learned.insert(model.id).inserted { modalities[model.id] = model.modality }
    }

    /// The whole family.
    var samples: [GaugeSample] {
        // New names in every answer must not add up for ever.
        modalities.sorted { $0.key < $1.key }.prefix(longestArray).map { GaugeSample([$0.key, $0.value], 1) }
    }
}

/// One way through the pages of transactions, from the newest back: a pure value that is shown each page.
///
/// With a cursor, transactions that arrive meanwhile shift nothing; what two pages repeat is dropped by its id. A walk
/// that gets nowhere (a cursor that repeats, a page without anything new) is broken rather than endless, and so is one
/// that goes on past all that an account can have.
struct FairStackPageWalk {
    /// What comes after a page.
    enum Step: Equatable {
        /// The page at this cursor.
        case page(cursor: String)
        /// Nothing: this was the last one.
        case end
        /// Nothing that could be relied upon.
        case broken
    }

    /// The most transactions that one walk remembers: some 20,000 a day of a month's history.
    static let longest = 600_000

    private var ids: Set<String> = []
    private var cursors: Set<String> = []
    /// The rows at the end of a page that say how far the walk has come: a single old row among newer ones, such as a job
    /// that failed late and is listed by the time of its change, must not end the walk.
    static let tail = 10

    /// Every transaction later than this was seen; nil before the first page and where a page was empty.
    private(set) var passed: Timestamp?

    /// Takes a page: the transactions that are new, and what comes next.
    mutating func take(_ page: FairStackPage) -> (new: [FairStackTransaction], step: Step) {
        let new = page.transactions.values.filter { ids.insert($0.id.value).inserted }.map(FairStackTransaction.init)
        // The newest of the last rows by position: "most recent first" need not hold to the row.
        passed = page.transactions.values.suffix(Self.tail).map(\.created_at.value).max() ?? passed
        guard let cursor = page.nextCursor else { return (new, .end) }
        guard !new.isEmpty, ids.count <= Self.longest, cursors.insert(cursor).inserted else { return (new, .broken) }
        return (new, .page(cursor: cursor))
    }
}

/// A transaction as far as it matters beside `GET /v1/usage`: what failed, and what was paid in or given back.
struct FairStackTransaction: Equatable {
    /// What a transaction means for the ledger.
    enum Meaning: Equatable {
        /// A generation that did not complete; `""` where the model is not named.
        case failure(model: String)
        /// Money paid in, in USD.
        case topUp(ExactDecimal)
        /// Money given back, in USD.
        case refund(ExactDecimal)
        /// Not decided yet: it may still become any of the others.
        case pending
        /// Nothing that is counted here: completed generations are in `usage`, cancelled ones are neither success nor
        /// failure, and other types are not known.
        case nothing
    }

    /// A model and what it makes.
    struct Model: Equatable {
        let id: String
        let modality: String
    }

    let id: String
    let createdAt: Timestamp
    let meaning: Meaning
    /// The model and what it makes, where both are named.
    let model: Model?

    /// Words for a generation that is still on its way; every word that is in none of these sets is a failure.
    private static let pendingWords: Set<String> = [
        "pending", "queued", "created", "submitted", "starting", "started", "processing", "running", "in_progress",
    ]
    /// `partial` is charged and has results.
    private static let successWords: Set<String> = ["completed", "complete", "succeeded", "success", "partial"]
    /// Words for a generation that its user took back: neither success nor failure.
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
        if pendingWords.contains(status) { return .pending }
        let succeeded = successWords.contains(status)
        // Top-ups and refunds are negative, since usage is positive; the sign is not relied upon. The families are in
        // USD, and there are none for money paid in another currency.
        let amount = row.cost?.foreignUnit == nil ? row.cost?.amount?.magnitude : nil
        switch row.type?.value.lowercased() {
        case "generation":
            return succeeded || withdrawnWords.contains(status) ? .nothing : .failure(model: row.model?.value ?? "")
        case "top_up":
            return succeeded ? amount.map(Meaning.topUp) ?? .nothing : .nothing
        case "refund":
            return succeeded ? amount.map(Meaning.refund) ?? .nothing : .nothing
        default:
            return .nothing
        }
    }
}

extension Sequence<FairStackTransaction> {
    /// The cells of these transactions. Which key made a request is not told: `key=""`.
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
