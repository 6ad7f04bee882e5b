import UsageModel
import Upstream

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
