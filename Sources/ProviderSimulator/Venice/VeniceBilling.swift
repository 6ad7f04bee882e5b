import Foundation
import Hummingbird
import UsageModel

/// The two billing endpoints, one paged by number, the other by cursor.
struct VeniceBilling {
    static let usagePath = "/api/v1/billing/usage"
    static let historyPath = "/api/v1/billing/usage-history"

    let store: VeniceBillingStore
    let account: String
    let style: AnswerStyle
    let misbehavior: VeniceMisbehavior

    private static let deprecation = [
        ("Deprecation", "@1783555200"), ("Sunset", "Wed, 16 Sep 2026 00:00:00 GMT"),
        ("Link", "<\(historyPath)>; rel=\"successor-version\""),
    ]

    /// The response of the older endpoint since its end.
    static let gone = SimulatedResponse(
        status: 410, headers: fields(deprecation),
        body: ["error": "This endpoint has been sunset. Use /api/v1/billing/usage-history."])

    private static func fields(_ fields: [(String, String)]) -> HTTPFields {
        var all = HTTPFields()
        for (name, value) in fields {
            if let name = HTTPFields.Element.Name(name) { all[name] = value }
        }
        return all
    }

    private func refuse(_ message: String) -> SimulatedResponse {
        SimulatedResponse(status: 400, body: ["error": .string(message)])
    }

    // MARK: Page numbers

    /// `GET /api/v1/billing/usage`.
    func usage(_ query: [String: String], isDeprecated: Bool) -> SimulatedResponse {
        guard let requested = Int(query["limit"] ?? "200"), (1...500).contains(requested) else {
            return refuse("limit")
        }
        guard let page = Int(query["page"] ?? "1"), page > 0 else { return refuse("page") }
        let order = query["sortOrder"] ?? "desc"
        guard ["asc", "desc"].contains(order) else { return refuse("sortOrder") }
        let currencies = ["USD", "VCU", "DIEM", "BUNDLED_CREDITS"]
        guard query["currency"].map(currencies.contains) ?? true else { return refuse("currency") }
        guard let start = timestamp(query["startDate"], otherwise: Timestamp(seconds: 0)),
            let end = timestamp(query["endDate"], otherwise: Timestamp(seconds: 253_402_300_799))
        else { return refuse("date") }
        // The end is inclusive: the documented example ends with the last second of a year.
        let period = Period(start: start, end: end + .milliseconds(1))
        var rows = store.rows(in: period) { query["currency"] == nil || $0.currency == query["currency"] }
        if order == "desc" { rows.reverse() }
        let modes = misbehavior.modes
        let limit = min(requested, modes.mostRowsPerPage ?? requested)
        let pages = (rows.count + limit - 1) / limit
        var first = (page - 1) * limit
        if page > 1, misbehavior.happens(percent: modes.repeatedPages) { first -= limit }
        if page > 1, misbehavior.happens(percent: modes.shiftedPages) { first -= 1 }
        let shown = rows.dropFirst(max(0, first)).prefix(limit)
        var pagination = [("limit", "limit", limit), ("page", "page", page)]
        if !modes.omitsTotal { pagination.append(("total", "total", rows.count)) }
        if !modes.omitsTotalPages { pagination.append(("total-pages", "totalPages", pages)) }
        var headers = pagination.map { ("x-pagination-\($0.0)", "\($0.2)") }
        if isDeprecated { headers += Self.deprecation }
        var body: [JSONValue.Member] = [.init("data", .array(shown.map { $0.row.json(style) }))]
        if !style.contains(.withoutOptionalFields) {
            body.insert(.init("warningMessage", "This endpoint is in beta."), at: 0)
            body.append(.init("pagination", .object(pagination.map { .init($0.1, .count($0.2)) })))
        }
        return SimulatedResponse(headers: Self.fields(headers), body: .object(body))
    }

    // MARK: Cursor

    /// The content of a cursor.
    private struct CursorContent: Codable {
        let account: String
        let start: Timestamp
        let end: Timestamp
        let currency: String?
        let pageSize: Int
        var afterMilliseconds: Int64?
        var afterNumber: Int?
    }

    private static let filters: Set<String> = ["startTimestamp", "endTimestamp", "currency", "pageSize"]

    /// `GET /api/v1/billing/usage-history`.
    func history(_ query: [String: String]) -> SimulatedResponse {
        if let cursor = query["cursor"] {
            guard query.count == 1 else { return refuse("cursor cannot be combined with other parameters") }
            guard let content = Self.content(of: cursor), content.account == account else {
                return refuse("Invalid or expired cursor; restart from the first page")
            }
            return page(of: content)
        }
        guard Set(query.keys).isSubset(of: Self.filters) else { return refuse("unknown parameter") }
        guard let start = timestamp(query["startTimestamp"], otherwise: Timestamp(seconds: 0)),
            let end = timestamp(query["endTimestamp"], otherwise: Timestamp(seconds: 253_402_300_799)), start < end,
            [query["startTimestamp"], query["endTimestamp"]].allSatisfy({ $0?.hasSuffix("Z") ?? true })
        else { return refuse("timestamps must be ISO 8601 in UTC with a Z, the end later than the start") }
        guard let size = Int(query["pageSize"] ?? "1000"), (10...1000).contains(size) else { return refuse("pageSize") }
        let currencies = ["USD", "DIEM", "BUNDLED_CREDITS", "EARNED_CREDITS"]
        guard query["currency"].map(currencies.contains) ?? true else { return refuse("currency") }
        return page(
            of: CursorContent(account: account, start: start, end: end, currency: query["currency"], pageSize: size))
    }

    private func page(of content: CursorContent) -> SimulatedResponse {
        let after = content.afterMilliseconds.flatMap { milliseconds in
            content.afterNumber.map { VeniceWalkPosition(milliseconds: milliseconds, number: $0) }
        }
        let modes = misbehavior.modes
        let pageSize = min(content.pageSize, modes.mostRowsPerPage ?? content.pageSize)
        // One extra row shows whether there is another page.
        let rows = store.rows(
            in: Period(start: content.start, end: content.end), after: after, limit: pageSize + 1
        ) { content.currency == nil || $0.currency == content.currency }
        var next = JSONValue.null
        if rows.count > pageSize {
            var rest = content
            if after == nil || !misbehavior.happens(percent: modes.repeatedPages) {
                rest.afterMilliseconds = rows[pageSize - 1].position.milliseconds
                rest.afterNumber = rows[pageSize - 1].position.number
            }
            next = Self.cursor(of: rest).map(JSONValue.string) ?? .null
        }
        return SimulatedResponse(
            body: ["data": .array(rows.prefix(pageSize).map { $0.row.json(style) }), "nextCursor": next])
    }

    private static func cursor(of content: CursorContent) -> String? {
        let encoder = JSONEncoder()
        // Sorted keys: equal positions must give equal cursors, so that a cursor can be repeated.
        encoder.outputFormatting = .sortedKeys
        return (try? encoder.encode(content))?.base64EncodedString()
            .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    private static func content(of cursor: String) -> CursorContent? {
        let base64 = cursor.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        let padding = String(repeating: "=", count: (4 - base64.count % 4) % 4)
        return Data(base64Encoded: base64 + padding).flatMap { try? JSONDecoder().decode(CursorContent.self, from: $0) }
    }

    private func timestamp(_ text: String?, otherwise missing: Timestamp) -> Timestamp? {
        guard let text else { return missing }
        return Timestamp(text)
    }
}
