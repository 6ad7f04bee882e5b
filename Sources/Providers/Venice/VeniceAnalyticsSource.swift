import Foundation
import UsageModel
import Upstream

/// `GET /api/v1/billing/usage-analytics`: what each key was charged, one UTC day a slice.
///
/// The provider's own view, not an addition to `usage`: its USD holds what bundled credits paid as well, and its answers
/// are up to ten minutes old. Left out: `byModel` and its like, which `usage` has by the hour and to the row;
/// `byKeyDaily`, which adds USD and DIEM up; `totalUnits`, which adds up tokens and images.
struct VeniceAnalyticsSource: UsageSource {
    static let endpoint = "usage_analytics"

    let name = endpoint
    /// Answers are cached for ten minutes.
    let minimumInterval = Duration.minutes(10)
    /// At most 90 days are kept.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(90))
    let api: any UpstreamAPI

    func sync(_ visit: any SyncVisit) async throws {
        var timeout: UpstreamFailure?
        for due in visit.dueSlices {
            let day = due.slice.period.start.day
            let asked = visit.now
            let answer: UpstreamAnswer
            do {
                let found = try await api.sendOptional(
                    UpstreamCall(
                        .get, "/api/v1/billing/usage-analytics",
                        query: [("startDate", "\(day)"), ("endDate", "\(day)")]), telling: visit)
                guard let found else { return }
                answer = found
            } catch let failure as UpstreamFailure where failure.status == 504 && timeout == nil {
                // One day may be too much for the provider where the others are not.
                timeout = failure
                continue
            }
            let analytics = try JSONBody.decode(VeniceAnalytics.self, from: answer)
            let memoryName = "names \(day)"
            var names = VeniceDayNames(try await visit.memory(memoryName))
            var reading = Reading()
            reading.slices = [SliceReading(due.slice, cells: analytics.cells(of: day, &names), readAt: asked)]
            reading.memory[memoryName] = .some(due.settles ? nil : names.text)
            try await visit.commit(reading)
        }
        if let timeout { throw timeout }
    }
}

/// The answer of `usage-analytics`, as far as it is used.
struct VeniceAnalytics: Decodable {
    struct Key: Decodable {
        let apiKeyId: LenientString?
        let description: LenientString?
        let totalUsd: LenientDecimal?
        let totalDiem: LenientDecimal?
    }

    struct Day: Decodable {
        let date: LenientString?
        let USD: LenientDecimal?
    }

    let byKey: RequiredArray<Key>
    let byDate: LenientArray<Day>

    /// A day's cells; what the day's total holds beyond its keys goes to the empty key.
    func cells(of day: UTCDay, _ names: inout VeniceDayNames) -> [Cell] {
        var cells: [Cell] = []
        var parts: [ExactDecimal] = []
        for key in byKey.values {
            let name = names.name(of: key)
            if let usd = key.totalUsd?.value {
                cells.append(Cell(.keyCost, [name], usd))
                parts.append(usd)
            }
            if let diem = key.totalDiem?.value { cells.append(Cell(.keyCredits, [name, "diem"], diem)) }
        }
        let total = byDate.values.first { $0.date?.value == day.description }?.USD?.value
        let remainder = Remainder(total: total, parts: parts)
        if !remainder.unlisted.isZero { cells.append(Cell(.keyCost, [""], remainder.unlisted)) }
        if total != nil { cells.append(Cell(.reconciliation, [], remainder.difference)) }
        return cells
    }
}

/// How the keys of one day are called, by id.
///
/// A key can be given another description. A day that is read again keeps the name it was first read with: under a new
/// one its cost would count twice, since the counter it leaves never falls.
struct VeniceDayNames {
    private var byID: [String: String] = [:]

    /// The names as they were remembered.
    init(_ text: String?) {
        guard let text else { return }
        byID = (try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))) ?? [:]
    }

    /// The names to remember.
    var text: String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return (try? encoder.encode(byID)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The label `key`: the description, or the id where there is none. Usage without a key (`Web App`) and the rest
    /// beyond the listed ones (`Other`) have no id and come under their description.
    mutating func name(of key: VeniceAnalytics.Key) -> String {
        let name = VeniceKeyName.of(description: key.description?.value, id: key.apiKeyId?.value)
        guard let id = key.apiKeyId?.value, !id.isEmpty else { return name }
        if let known = byID[id] { return known }
        byID[id] = name
        return name
    }
}

/// How a key is called in labels.
enum VeniceKeyName {
    static func of(description: String?, id: String?) -> String {
        if let description, !description.isEmpty { return description }
        return id ?? ""
    }
}
