import Foundation
import NIOConcurrencyHelpers
import UsageModel
import Upstream

@testable import Providers

/// A simulated WaveSpeedAI account behind the paged lists: `billings/search` and `predictions`.
final class WaveSpeedListsWorld: UpstreamAPI {
    /// A billing record.
    struct Record {
        var uuid: String
        var type = "deduct"
        var price: String
        var time: Timestamp
        var keyID: String? = "key-1"
        var keyName: String?
    }

    /// The forms and faults of the lists.
    struct Behaviour {
        /// Whether pages end by `total` instead of `has_more`; nil for neither.
        var endsByTotal: Bool? = true
        /// Added to `total`.
        var surplus = 0
        var ignoresType = false
        var ignoresTimes = false
        /// Whether every page is the first one.
        var ignoresPage = false
        /// The text that replaces `data`.
        var data: String?
    }

    struct Query: Decodable {
        let page: Int
        let page_size: Int
        let billing_type: String
        let sort: String
        let start_time: String
        let end_time: String
    }

    private struct State {
        var records: [Record] = []
        var behaviour = Behaviour()
        var queries: [Query] = []
    }

    private let state = NIOLockedValueBox(State())

    func behave(_ change: (inout Behaviour) -> Void) { state.withLockedValue { change(&$0.behaviour) } }

    func edit(_ change: (inout [Record]) -> Void) { state.withLockedValue { change(&$0.records) } }

    /// Adds charges of one USD cent each to one key, a second after another.
    func charge(_ count: Int, on day: UTCDay, key: String = "key-1", name: String? = "web", tag: String = "") {
        edit { records in
            for index in 0..<count {
                let time = day.start + .seconds(index)
                records.append(
                    Record(
                        uuid: "\(day)-\(key)-\(tag)\(index)", price: "0.01", time: time, keyID: key, keyName: name))
            }
        }
    }

    /// Returns the queries since the last call.
    func takeQueries() -> [Query] {
        state.withLockedValue { state in
            defer { state.queries = [] }
            return state.queries
        }
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let query = try JSONDecoder().decode(Query.self, from: Data(call.jsonBody ?? []))
        let text = state.withLockedValue { state in
            state.queries.append(query)
            return Self.page(query, state)
        }
        return UpstreamResponse(status: 200, headers: [:], body: Array(text.utf8))
    }

    private static func page(_ query: Query, _ state: State) -> String {
        let behaviour = state.behaviour
        if let data = behaviour.data { return "{\"code\":200,\"data\":\(data)}" }
        let start = Timestamp(query.start_time) ?? Timestamp(milliseconds: 0)
        let end = Timestamp(query.end_time) ?? Timestamp(milliseconds: .max)
        let rows = state.records.filter { record in
            (behaviour.ignoresTimes || (start <= record.time && record.time <= end))
                && (behaviour.ignoresType || record.type == query.billing_type)
        }
        let number = behaviour.ignoresPage ? 1 : query.page
        let page = rows.dropFirst((number - 1) * query.page_size).prefix(query.page_size).map { record in
            let key = record.keyID.map { ",\"access_key_uuid\":\"\($0)\"" } ?? ""
            let name = record.keyName.map { ",\"access_key_name\":\"\($0)\"" } ?? ""
            return #"{"uuid":"\#(record.uuid)","billing_type":"\#(record.type)","price":\#(record.price),"#
                + #""created_at":"\#(record.time)","order":{"state":"pre","price":9}\#(key)\#(name)}"#
        }
        let ending =
            switch behaviour.endsByTotal {
            case true?: ",\"total\":\(rows.count + behaviour.surplus)"
            case false?: ",\"has_more\":\(number * query.page_size < rows.count)"
            case nil: ""
            }
        return "{\"code\":200,\"data\":{\"page\":\(number),\"items\":[\(page.joined(separator: ","))]\(ending)}}"
    }
}
