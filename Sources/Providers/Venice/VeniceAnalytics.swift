import Upstream
import UsageModel

/// The used fields of the response of `usage-analytics` for one day.
struct VeniceAnalytics: Decodable {
    struct Key: Decodable {
        let apiKeyId: Decoration<LenientString>
        let description: Decoration<LenientString>
        let totalUsd: LenientDecimal?
        let totalDiem: LenientDecimal?
    }

    /// A model's usage, of which only the modality is used.
    struct Model: Decodable {
        /// The name for display, which may differ from the billed model.
        let modelName: Decoration<LenientString>
        /// `LLM`, `IMAGE`, `TTS`, `ASR`, `VIDEO`: an open set.
        let modelType: Decoration<LenientString>
        let totalUsd: LenientDecimal?

        /// The label `modality`; nil if it is not known.
        var modality: String? {
            modelType.value.flatMap { $0.value.isEmpty ? nil : $0.value.lowercased() }
        }
    }

    let byKey: BoundedArray<Key>
    let byDate: LenientArray<VeniceDayFigures>
    /// Another breakdown of the same charges, without which the others are complete.
    let byModel: Decoration<BoundedArray<Model>>

    /// Returns the cells of the day. The part of the day's total beyond its keys gets the empty key.
    ///
    /// - Parameters:
    ///   - earlier: the cells of the day's last read; empty for the first read.
    ///   - memory: the stored state of the day.
    /// - Throws: `SourceFailure` for a response without keys and total if the day had usage; missing data is not zero.
    func cells(of day: UTCDay, earlier: [Cell], _ memory: inout VeniceDayMemory) throws -> [Cell] {
        let total = byDate.values.first { $0.day == day }?.usd
        guard !byKey.values.isEmpty || total != nil || earlier.allSatisfy(\.value.isZero) else {
            throw SourceFailure(.decode, "usage-analytics has neither keys nor a total for \(day), which had usage")
        }
        var usd: [String: ExactDecimal] = [:]
        var diem: [String: ExactDecimal] = [:]
        for (key, name) in zip(byKey.values, memory.names(of: byKey.values)) {
            if let amount = key.totalUsd?.value { usd[name, default: .zero] += amount }
            if let amount = key.totalDiem?.value { diem[name, default: .zero] += amount }
        }
        let remainder = Remainder(total: total, parts: Array(usd.values))
        if !remainder.unlisted.isZero { usd["", default: .zero] += remainder.unlisted }
        memory.settle(&usd, of: .keyCost, earlier: earlier, rests: [VeniceKeyNames.other, ""])
        memory.settle(&diem, of: .keyCredits, earlier: earlier, rests: [VeniceKeyNames.other])
        var cells = usd.map { Cell(.keyCost, [$0], $1) }
        cells += diem.map { Cell(.keyCredits, [$0, "diem"], $1) }
        cells += modalityCells(of: total, earlier: earlier, &memory)
        if total != nil { cells.append(Cell(.reconciliation, [], remainder.difference)) }
        return cells
    }

    /// Returns the USD of the day by modality. The part of the total beyond the models with a type gets the empty
    /// modality. Without any type, the earlier cells stay.
    private func modalityCells(
        of total: ExactDecimal?, earlier: [Cell], _ memory: inout VeniceDayMemory
    ) -> [Cell] {
        let models = byModel.value?.values ?? []
        guard models.contains(where: { $0.modality != nil }) else {
            return earlier.filter { $0.family == .modalityCost }
        }
        var usd: [String: ExactDecimal] = [:]
        for model in models {
            if let amount = model.totalUsd?.value { usd[model.modality ?? "", default: .zero] += amount }
        }
        let remainder = Remainder(total: total, parts: Array(usd.values))
        if !remainder.unlisted.isZero { usd["", default: .zero] += remainder.unlisted }
        memory.settle(&usd, of: .modalityCost, earlier: earlier, rests: [""])
        return usd.map { Cell(.modalityCost, [$0], $1) }
    }

    /// Returns the modality of each model, including the models of earlier responses.
    func modelInfo(after earlier: [GaugeSample]) -> [GaugeSample] {
        var modalities: [String: String] = [:]
        for sample in earlier where sample.labels.count == 2 { modalities[sample.labels[0]] = sample.labels[1] }
        for model in byModel.value?.values ?? [] {
            guard let name = model.modelName.value?.value, !name.isEmpty, let modality = model.modality else {
                continue
            }
            modalities[name] = modality
        }
        // Limited, because new names in every response must not grow the family without bound.
        return modalities.sorted { $0.key < $1.key }.prefix(longestArray).map { GaugeSample([$0.key, $0.value], 1) }
    }
}

/// One entry of `byDate`: the total of a UTC day. USD includes usage paid by bundled credits, not by earned credits.
struct VeniceDayFigures: Decodable {
    /// Nil if the date is invalid.
    let day: UTCDay?
    let usd: ExactDecimal?
    let diem: ExactDecimal?

    private enum CodingKeys: String, CodingKey {
        case date
        case usd = "USD"
        case diem = "DIEM"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        day = try container.decode(Decoration<LenientTimestamp>.self, forKey: .date).value?.value.day
        usd = try container.decodeIfPresent(LenientDecimal.self, forKey: .usd)?.value
        diem = try container.decodeIfPresent(LenientDecimal.self, forKey: .diem)?.value
    }
}

/// The stored state of one day, kept as long as the ledger keeps the day's cells.
struct VeniceDayMemory {
    private(set) var names: SliceKeyNames
    /// The names of keys that the day does not know yet.
    private let known: KeyNames
    /// Moved usage by family and rest.
    private(set) var moved: [String: VeniceMovedUsage]

    init(names: SliceKeyNames, known: KeyNames, moved: [String: VeniceMovedUsage]) {
        self.names = names
        self.known = known
        self.moved = moved
    }

    /// Returns the names of the entries of `byKey`. Usage without a key (`Web App`) and the rest beyond the listed keys
    /// (`Other`) have no id and use their description.
    mutating func names(of keys: [VeniceAnalytics.Key]) -> [String] {
        // A name of `api_keys` belongs to its key, whatever the order of the others.
        for id in keys.compactMap(\.apiKeyId.value?.value) {
            if let name = known.byID[id] { _ = names.name(ofKey: id, otherwise: name) }
        }
        return keys.map { key in
            let id = key.apiKeyId.value?.value ?? ""
            let plain = VeniceKeyNames.plain(id: id, description: key.description.value?.value)
            return id.isEmpty ? plain : names.name(ofKey: id, otherwise: plain)
        }
    }

    /// Keeps usage that moved between labels at the label where it was first counted.
    mutating func settle(
        _ amounts: inout [String: ExactDecimal], of family: LedgerFamily, earlier: [Cell], rests: [String]
    ) {
        let before = Dictionary(
            earlier.filter { $0.family == family }.map { ($0.labels.first ?? "", $0.value) }, uniquingKeysWith: +)
        guard !before.isEmpty else { return }
        for rest in rests {
            let name = "\(family.name)/\(rest)"
            var usage = moved[name] ?? VeniceMovedUsage()
            usage.settle(&amounts, rest: rest, rests: rests, earlier: before)
            moved[name] = usage.isEmpty ? nil : usage
        }
    }
}

/// Tracks usage of one day that moved between the listed keys and a rest, and counts it where it was first counted.
///
/// The API lists the keys with the most usage and sums the others in a rest (`Other`; another rest is the day's total
/// beyond all of `byKey`). A key that enters the list takes its usage out of the rest, and a key that leaves the list
/// adds its usage to the rest. Counters never fall, so usage that changed its label would count twice. Therefore
/// - the rest keeps its counted usage, and a key that entered gets only its usage beyond that;
/// - a key that left keeps its counted usage, and the rest gets only its usage beyond that.
///
/// The sum over all labels stays the provider's total of the day.
struct VeniceMovedUsage: Codable, Equatable {
    /// Usage of listed keys that is counted in the rest, by key.
    private var inRest: [String: String] = [:]
    /// Keys that had usage and are no longer listed.
    private var fallen: Set<String> = []

    /// Whether all usage is counted under its own label.
    var isEmpty: Bool { inRest.isEmpty && fallen.isEmpty }

    /// Replaces the amounts of a response by the amounts to count.
    ///
    /// - Parameters:
    ///   - amounts: the amount of each label that the response lists, including the rest; the sum does not change.
    ///   - rest: the label of the rest.
    ///   - rests: the labels of all rests, which are not keys.
    ///   - earlier: the amounts that the day's last read counted, by label; not empty.
    mutating func settle(
        _ amounts: inout [String: ExactDecimal], rest: String, rests: [String], earlier: [String: ExactDecimal]
    ) {
        guard amounts[rest] != nil || earlier[rest] != nil else { return }
        let isListed = amounts[rest] != nil
        let restBefore = earlier[rest] ?? .zero
        var restNow = amounts[rest] ?? .zero
        let newlyListed = amounts.keys.filter {
            !rests.contains($0) && (earlier[$0] == nil || fallen.contains($0))
        }.sorted()

        var kept: [String: ExactDecimal] = [:]
        for (key, text) in inRest {
            guard let amount = amounts[key], let before = ExactDecimal(text) else { continue }
            kept[key] = min(before, amount)
        }
        for (key, moved) in kept {
            amounts[key] = (amounts[key] ?? .zero) - moved
            restNow += moved
        }
        fallen = []
        for key in earlier.keys.sorted() where !rests.contains(key) && amounts[key] == nil {
            let moved = min(earlier[key] ?? .zero, restNow)
            guard moved > .zero else { continue }
            amounts[key] = moved
            restNow -= moved
            fallen.insert(key)
        }
        for key in newlyListed {
            let most = (amounts[key] ?? .zero) - (earlier[key] ?? .zero)
            let moved = min(most, restBefore - restNow)
            guard moved > .zero else { continue }
            kept[key, default: .zero] += moved
            amounts[key] = (amounts[key] ?? .zero) - moved
            restNow += moved
        }
        amounts[rest] = isListed || !restNow.isZero ? restNow : nil
        inRest = kept.filter { !$0.value.isZero }.mapValues(\.description)
    }
}
