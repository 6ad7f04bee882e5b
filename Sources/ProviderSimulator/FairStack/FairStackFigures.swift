import UsageModel

/// Successful generations and their charge in millionths of a dollar, in total and by model and modality.
struct FairStackFigures {
    struct Sum: Hashable {
        var count = 0
        var micro = 0

        static func += (sum: inout Sum, other: Sum) {
            sum.count += other.count
            sum.micro += other.micro
        }
    }

    private(set) var total = Sum()
    private(set) var models: [String: Sum] = [:]
    private(set) var modalities: [String: Sum] = [:]

    mutating func add(_ transaction: FairStackTransaction) {
        let one = Sum(count: 1, micro: transaction.micro)
        total += one
        if let model = transaction.model { models[model, default: Sum()] += one }
        if let modality = transaction.modality { modalities[modality, default: Sum()] += one }
    }

    mutating func add(_ other: FairStackFigures) {
        total += other.total
        models.merge(other.models) { Sum(count: $0.count + $1.count, micro: $0.micro + $1.micro) }
        modalities.merge(other.modalities) { Sum(count: $0.count + $1.count, micro: $0.micro + $1.micro) }
    }
}

/// Expected totals for tests, counted from the transactions themselves.
package struct FairStackTruth: Sendable, Hashable {
    package struct Labels: Sendable, Hashable {
        /// The key's id; nil for no key.
        package let key: String?
        /// The model; empty for usage under no model.
        package let model: String
    }

    /// Cost in USD of successful generations.
    package private(set) var cost: [Labels: ExactDecimal] = [:]
    /// Successful generations.
    package private(set) var successes: [Labels: Int] = [:]
    /// Failed generations, by model.
    package private(set) var failures: [String: Int] = [:]
    /// Cost in USD by modality.
    package private(set) var modalityCost: [String: ExactDecimal] = [:]
    /// Successful generations by modality.
    package private(set) var modalityCount: [String: Int] = [:]
    package private(set) var topUps = ExactDecimal.zero
    package private(set) var refunds = ExactDecimal.zero

    mutating func count(_ transaction: FairStackTransaction, _ outcome: FairStackOutcome) {
        let amount = ExactDecimal(micros: transaction.micro)
        switch (transaction.kind, outcome) {
        case (.generation, .success):
            let labels = Labels(key: transaction.key, model: transaction.model ?? "")
            cost[labels, default: .zero] += amount
            successes[labels, default: 0] += 1
            modalityCost[transaction.modality ?? "", default: .zero] += amount
            modalityCount[transaction.modality ?? "", default: 0] += 1
        case (.generation, .failure):
            failures[transaction.model ?? "", default: 0] += 1
        case (.topUp, .success):
            topUps += amount.magnitude
        case (.refund, .success):
            refunds += amount.magnitude
        case (.generation, _), (.topUp, _), (.refund, _):
            break
        }
    }
}
