import UsageModel
import Upstream

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

    func sync(_ visit: any SyncVisit) async throws {
        var days = FairStackDayParts(
            due: visit.dueSlices, ground: try await visit.memory(Self.groundMemory).flatMap { Timestamp($0) },
            asked: visit.now)
        var models = FairStackModels(try await visit.gauges(.modelInfo))
        guard try await !walk(&days, &models, visit) else { return }
        // A cursor may expire. What was committed is complete; the rest starts over, once.
        var rest = FairStackDayParts(
            due: days.parts.map(\.due), ground: try await visit.memory(Self.groundMemory).flatMap { Timestamp($0) },
            asked: visit.now)
        guard try await !walk(&rest, &models, visit) else { return }
        throw SourceFailure(
            .decode,
            "transactions: the cursor leads nowhere new, or past \(FairStackPageWalk.longest) of them, also after starting "
                + "over")
    }

    /// Reads pages until every day is finished, committing each day once it is; false where the pages lead nowhere.
    private func walk(
        _ days: inout FairStackDayParts, _ models: inout FairStackModels, _ visit: any SyncVisit
    ) async throws -> Bool {
        var walk = FairStackPageWalk()
        var cursor: String?
        while !days.isEmpty {
            guard let page = try await page(at: cursor) else { return false }
            let (new, step) = walk.take(page)
            days.take(new)
            for model in new.compactMap(\.model) { models.learn(model) }
            let finished = days.finish(passed: walk.passed, isEnd: step == .end)
            if !finished.isEmpty { try await commit(finished, of: days, models, visit) }
            if days.isEmpty { return true }
            guard case .page(let next) = step else { return false }
            cursor = next
        }
        return true
    }

    private func commit(
        _ finished: [FairStackDayParts.Part], of days: FairStackDayParts, _ models: FairStackModels,
        _ visit: any SyncVisit
    ) async throws {
        var reading = Reading()
        for part in finished {
            let earlier = part.due.lastRead == nil ? [] : try await visit.cells(of: part.due.slice)
            let day = days.finished(part, earlier: earlier)
            reading.slices += day.slices
            if let ground = day.ground { reading.memory[Self.groundMemory] = ground.description }
        }
        reading.gauges[.modelInfo] = models.samples
        try await visit.commit(reading)
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
