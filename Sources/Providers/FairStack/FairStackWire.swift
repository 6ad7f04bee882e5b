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

    /// What a response holds.
    ///
    /// - Parameter remark: gets each decoration that could not be read.
    /// - Throws: `SourceFailure` with the reason `decode`.
    static func payload(of answer: UpstreamResponse, remark: (String) -> Void = { _ in }) throws -> Payload {
        try JSONBody.decode(Self.self, from: answer, remark: remark).payload
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

/// `GET /v1/usage/daily`: a trigger for reading days, so that a figure which cannot be read only costs a query.
struct FairStackDaily: Decodable {
    struct Cost: Decodable {
        let micro: Decoration<LenientInt>
    }

    struct Day: Decodable {
        let date: Decoration<LenientString>
        let count: Decoration<LenientInt>
        let cost: Decoration<Cost>
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
        let modality: Decoration<LenientString>
        let cost: FairStackMoney?
        let status: LenientString?
        /// Without it, there is no day that a row could belong to.
        let created_at: LenientTimestamp
    }

    let transactions: RequiredArray<Transaction>
    let has_more: Decoration<LenientFlag>
    let cursor: LenientString?

    /// The cursor of the next page; nil where this is the last one.
    var nextCursor: String? {
        guard has_more.value?.value ?? true, let cursor = cursor?.whole, !cursor.isEmpty else { return nil }
        return cursor
    }
}

/// `GET /v1/credits`: the balance is money and strict, the caps are decorations.
///
/// Every documented part may be missing, but not all of them.
struct FairStackCredits: Decodable {
    struct Cap: Decodable {
        let micro: Decoration<LenientInt>
        let used_micro: Decoration<LenientInt>

        /// Millionths of a dollar; nil where there is no limit, however the API writes that.
        var limit: Int? { micro.value.flatMap { $0.value > 0 ? $0.value : nil } }
    }

    struct Caps: Decodable {
        let organization: Decoration<Cap>
        let project: Decoration<Cap>
        let key: Decoration<Cap>
    }

    let balance: FairStackMoney?
    let caps: Decoration<Caps>

    private enum CodingKeys: String, CodingKey {
        case balance, caps, error
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let hasError = fields.contains(.error) && (try? fields.decodeNil(forKey: .error)) != true
        guard !hasError, fields.contains(.balance) || fields.contains(.caps) else {
            throw SourceFailure(.decode, "credits: expected balance or caps, found neither or an error")
        }
        balance = try fields.decodeIfPresent(FairStackMoney.self, forKey: .balance)
        caps = try fields.decode(Decoration<Caps>.self, forKey: .caps)
    }
}
