import NIOConcurrencyHelpers
import UsageModel
import Upstream

@testable import Providers

/// A simulated FairStack account behind the API's usage endpoints. Tests charge it and inject faults.
final class FairStackWorld: Sendable {
    private struct Charge {
        let day: UTCDay
        let key: String?
        let model: String
        let micro: Int
    }

    /// The injected faults.
    struct Behaviour {
        /// Days that `daily` does not list.
        var hidden: Set<UTCDay> = []
        /// Key ids that the API rejects with 404.
        var unknownKeys: Set<String> = []
        /// Days for which `usage` returns an error object.
        var broken: Set<UTCDay> = []
        /// Whether `usage` returns 503.
        var isDown = false
        /// Whether `daily` returns an error object.
        var hasBrokenDaily = false
        /// Whether `usage` has totals, besides the rows by model.
        var hasTotals = true
        /// The amount that is added to the micros in `daily`.
        var dailyOffset = 0
    }

    private let charges = NIOLockedValueBox<[Charge]>([])
    private let behaviour = NIOLockedValueBox(Behaviour())

    func charge(_ micro: Int, on day: UTCDay, key: String? = nil, model: String = "m") {
        charges.withLockedValue { $0.append(Charge(day: day, key: key, model: model, micro: micro)) }
    }

    func behave(_ change: (inout Behaviour) -> Void) { behaviour.withLockedValue { change(&$0) } }

    /// Returns the API of this account.
    func api() -> AnsweringAPI {
        AnsweringAPI { path, query in try self.answer(path, query) }
    }

    private func answer(_ path: String, _ query: [String: String]) throws -> String {
        let behaviour = behaviour.withLockedValue { $0 }
        guard let first = query["from"].flatMap({ UTCDay($0) }), let last = query["to"].flatMap({ UTCDay($0) }) else {
            throw UpstreamFailure(reason: .http4xx, status: 400, message: "bad range")
        }
        let charges = charges.withLockedValue { $0 }.filter { (first...last).contains($0.day) }
        if path == "/v1/usage/daily" {
            if behaviour.hasBrokenDaily { return #"{"error":{"code":"x"}}"# }
            let days = Dictionary(grouping: charges, by: \.day).filter { !behaviour.hidden.contains($0.key) }
            let rows = days.map { day, charges in
                let micro = charges.reduce(behaviour.dailyOffset) { $0 + $1.micro }
                return #"{"date":"\#(day)","count":\#(charges.count),"cost":{"micro":\#(micro)}}"#
            }
            return #"{"days":[\#(rows.joined(separator: ","))]}"#
        }
        if behaviour.isDown { throw UpstreamFailure(reason: .http5xx, status: 503, message: "down") }
        if first == last, behaviour.broken.contains(first) { return #"{"error":{"code":"x"}}"# }
        let key = query["key_id"]
        if let key, behaviour.unknownKeys.contains(key) {
            throw UpstreamFailure(reason: .http4xx, status: 404, message: "unknown key")
        }
        let counted = charges.filter { key == nil || $0.key == key }
        let models = Dictionary(grouping: counted, by: \.model).map { model, charges in
            let micro = charges.reduce(0) { $0 + $1.micro }
            return #"{"model":"\#(model)","count":\#(charges.count),"cost":{"micro":\#(micro)}}"#
        }
        let total = counted.reduce(0) { $0 + $1.micro }
        let totals = #""total_cost":{"micro":\#(total)},"generation_count":\#(counted.count),"#
        return "{" + (behaviour.hasTotals ? totals : "") + #""by_model":[\#(models.joined(separator: ","))]}"#
    }
}
