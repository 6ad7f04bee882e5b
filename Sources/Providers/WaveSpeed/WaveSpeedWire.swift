import UsageModel
import Upstream

/// The envelope of every WaveSpeedAI response. HTTP 200 may still carry another `code`.
///
/// Source: "How to Check Usage", section Response.
struct WaveSpeedEnvelope<Payload: Decodable>: Decodable {
    let code: LenientInt?
    // `message` is not read, because it may quote the request.
    let data: Payload?
}

/// `data` of `POST /api/v3/user/usage_stats`. Fields that are missing for some accounts are optional.
struct WaveSpeedUsageResponse: Decodable {
    struct ModelUsage: Decodable {
        let model_uuid: LenientString?
        let model_type: Decoration<LenientString>
        let unit_price: Decoration<LenientDecimal>
        let total_cost: LenientDecimal?
        let total_count: LenientInt?
        let last_used_date: Decoration<LenientString>
    }

    struct DailyUsage: Decodable {
        struct DailyModel: Decodable {
            let model_uuid: LenientString?
            let amount: LenientDecimal?
            let count: LenientInt?
        }

        let date: LenientString?
        let amount: LenientDecimal?
        let count: LenientInt?
        let models: LenientArray<DailyModel>
    }

    /// The figures of the whole range.
    struct Summary: Decodable {
        let total_cost: LenientDecimal?
        let total_requests: LenientInt?
        let success_requests: LenientInt?
    }

    let per_model_usage: LenientArray<ModelUsage>
    let daily_usage: LenientArray<DailyUsage>
    let summary: Summary?
}

extension WaveSpeedUsageResponse {
    private enum CodingKeys: String, CodingKey {
        case per_model_usage, daily_usage, summary
    }

    /// - Throws: if all documented fields are missing. Reading that as "no usage" would revert what was counted.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        guard try fields.allKeys.contains(where: { try !fields.decodeNil(forKey: $0) }) else {
            throw SourceFailure(
                .decode,
                "the response has no per_model_usage, daily_usage and summary; "
                    + "is base_url the WaveSpeedAI API?")
        }
        per_model_usage = try fields.decode(LenientArray<ModelUsage>.self, forKey: .per_model_usage)
        daily_usage = try fields.decode(LenientArray<DailyUsage>.self, forKey: .daily_usage)
        summary = try fields.decodeIfPresent(Summary.self, forKey: .summary)
    }
}

/// `data` of `GET /api/v3/balance`.
struct WaveSpeedBalance: Decodable {
    /// USD; nil if the account has no such balance. It may be negative for a postpaid account.
    let balance: LenientDecimal?

    private enum CodingKeys: String, CodingKey {
        case balance
    }

    /// - Throws: if the field is missing. An error in another form must not be read as "no balance".
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        guard fields.contains(.balance) else {
            throw SourceFailure(.decode, "the response has no data.balance; is base_url the WaveSpeedAI API?")
        }
        balance = try fields.decodeIfPresent(LenientDecimal.self, forKey: .balance)
    }
}

extension WaveSpeedEnvelope {
    /// Decodes the payload of a response and checks that its `code` is 200, as the documentation requires.
    ///
    /// - Parameter remark: is called for each field that could not be decoded and that no figure depends on.
    static func payload(
        of response: UpstreamResponse, from endpoint: String, remark: (String) -> Void = { _ in }
    ) throws -> Payload {
        let envelope = try JSONBody.decode(Self.self, from: response, remark: remark)
        if let code = envelope.code?.value, code != 200 {
            throw SourceFailure(reason(code), "\(endpoint) responded with code \(code) in its body; expected 200")
        }
        guard let data = envelope.data else {
            throw SourceFailure(.decode, "\(endpoint) responded without `data`; is base_url the WaveSpeedAI API?")
        }
        return data
    }

    private static func reason(_ code: Int) -> FailureReason {
        switch code {
        case 401, 402, 403: .auth
        case 408: .timeout
        case 410: .gone
        case 429: .rateLimited
        case 400..<500: .http4xx
        case 500..<600: .http5xx
        default: .decode
        }
    }
}

extension WaveSpeedUsageResponse.DailyUsage {
    /// The UTC day, from a date or a timestamp; nil if the text is neither.
    var day: UTCDay? { date.flatMap { Timestamp($0.value) }?.day }
}
