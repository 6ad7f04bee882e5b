import UsageModel
import Upstream

/// The type, the unit price and the day of last use of each model, collected over responses.
struct WaveSpeedModels {
    private struct Model {
        var modality: String?
        var unitPrice: Double?
        var lastUsed: Double?
    }

    private var models: [String: Model] = [:]

    /// Starts with the stored gauges, so that a model keeps its series on days without its usage.
    init(info: [GaugeSample], unitPrices: [GaugeSample], lastUsed: [GaugeSample]) {
        for sample in info where sample.labels.count == 2 {
            models[sample.labels[0], default: Model()].modality = sample.labels[1]
        }
        for sample in unitPrices where sample.labels.count == 1 {
            models[sample.labels[0], default: Model()].unitPrice = sample.value
        }
        for sample in lastUsed where sample.labels.count == 1 {
            models[sample.labels[0], default: Model()].lastUsed = sample.value
        }
    }

    /// Records the models of a day's response.
    ///
    /// - Parameter isNewest: whether the day is the open one, whose prices replace earlier ones.
    mutating func learn(_ usage: [WaveSpeedUsageResponse.ModelUsage], isNewest: Bool) {
        for row in usage {
            guard let id = row.model_uuid?.value, !id.isEmpty else { continue }
            var model = models[id] ?? Model()
            model.modality = row.model_type.value?.value ?? model.modality
            let price = row.unit_price.value?.value.doubleValue
            model.unitPrice = isNewest ? price ?? model.unitPrice : model.unitPrice ?? price
            if let date = row.last_used_date.value?.value, let day = Timestamp(date) {
                model.lastUsed = max(model.lastUsed ?? 0, day.day.start.seconds)
            }
            models[id] = model
        }
    }

    /// The gauges to commit. Families are complete, because each model has exactly one series in them.
    var gauges: [GaugeFamily: [GaugeSample]] {
        var gauges: [GaugeFamily: [GaugeSample]] = [.modelInfo: [], .modelUnitPrice: [], .modelLastUsed: []]
        // Limited, because new names in every response must not grow the families without bound.
        for (id, model) in models.sorted(by: { $0.key < $1.key }).prefix(longestArray) {
            gauges[.modelInfo]?.append(GaugeSample([id, model.modality ?? ""], 1))
            if let price = model.unitPrice { gauges[.modelUnitPrice]?.append(GaugeSample([id], price)) }
            if let day = model.lastUsed { gauges[.modelLastUsed]?.append(GaugeSample([id], day)) }
        }
        return gauges
    }
}
