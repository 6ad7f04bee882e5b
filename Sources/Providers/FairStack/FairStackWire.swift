import UsageModel
import Upstream

/// A FairStack answer: the documented fields, bare or as `data` beside a `request_id`.
///
/// `request_id` is for talking to their support, and not read.
struct FairStackBody<Payload: Decodable>: Decodable {
    let payload: Payload

    private enum CodingKeys: String, CodingKey {
        case data
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if fields.contains(.data), try !fields.decodeNil(forKey: .data) {
            payload = try fields.decode(Payload.self, forKey: .data)
        } else {
            payload = try Payload(from: decoder)
        }
    }

    /// What an answer holds.
    ///
    /// - Throws: `SourceFailure` with the reason `decode`.
    static func payload(of answer: UpstreamAnswer) throws -> Payload {
        try JSONBody.decode(Self.self, from: answer).payload
    }
}

/// An amount of money: whole millionths of a dollar, or of `currency` where that is another.
///
/// `display` is the amount rounded for people (`$0.045`), and not read.
struct FairStackMoney: Decodable {
    let micro: LenientInt?
    let currency: LenientString?

    /// The exact amount in units of its currency; nil where there is none.
    var amount: ExactDecimal? { micro.map { ExactDecimal(micros: $0.value) } }

    /// The currency in lower case; nil for USD, which is also meant where none is named.
    var foreignUnit: String? {
        let unit = currency?.value.lowercased() ?? ""
        return unit.isEmpty || unit == "usd" ? nil : unit
    }
}

/// `GET /v1/usage`.
///
/// `from` and `to` repeat the question, and are not read.
struct FairStackUsage: Decodable {
    struct Model: Decodable {
        let model: LenientString?
        let count: LenientInt?
        let cost: FairStackMoney?
    }

    struct Modality: Decodable {
        let modality: LenientString?
        let count: LenientInt?
        let cost: FairStackMoney?
    }

    let total_cost: FairStackMoney?
    let generation_count: LenientInt?
    let by_modality: LenientArray<Modality>
    let by_model: LenientArray<Model>
}

/// `GET /v1/usage/daily`.
struct FairStackDaily: Decodable {
    struct Day: Decodable {
        let date: LenientString?
        let count: LenientInt?
        let cost: FairStackMoney?
    }

    let days: RequiredArray<Day>
}

/// `GET /v1/usage/transactions`: one page, the newest first.
struct FairStackPage: Decodable {
    struct Transaction: Decodable {
        /// Without it, a row that two pages repeat would count twice.
        let id: LenientString
        let type: LenientString?
        let model: LenientString?
        let modality: LenientString?
        let cost: FairStackMoney?
        let status: LenientString?
        /// Without it, there is no day that a row could belong to.
        let created_at: LenientTimestamp
    }

    let transactions: RequiredArray<Transaction>
    let has_more: Bool?
    let cursor: LenientString?

    /// The cursor of the next page; nil where this is the last one.
    var nextCursor: String? {
        guard has_more ?? true, let cursor = cursor?.whole, !cursor.isEmpty else { return nil }
        return cursor
    }
}

/// `GET /v1/credits`, known from one public source: every part may be missing.
struct FairStackCredits: Decodable {
    struct Cap: Decodable {
        let micro: LenientInt?
        let used_micro: LenientInt?
    }

    struct Caps: Decodable {
        let organization: Cap?
        let project: Cap?
        let key: Cap?
    }

    let balance: FairStackMoney?
    let caps: Caps?
}
