import UsageModel
import Upstream

/// The two queries that cost and generations come from.
struct FairStackUsageAPI {
    let api: any UpstreamAPI

    /// `GET /v1/usage/daily`: which days changed.
    func daily(
        from first: UTCDay, to last: UTCDay, remark: (String) -> Void
    ) async throws -> [UTCDay: FairStackDayFigures] {
        let answer = try await api.send(
            UpstreamCall(.get, "/v1/usage/daily", query: [("from", "\(first)"), ("to", "\(last)")]))
        return FairStackDayFigures.byDay(try FairStackBody<FairStackDaily>.payload(of: answer, remark: remark))
    }

    /// `GET /v1/usage` of a day, of the account or of a key.
    func usage(on day: UTCDay, key: String? = nil) async throws -> FairStackBreakdown {
        try await usage(from: day, to: day, key: key)
    }

    /// `GET /v1/usage` of a range of days, both ends included.
    func usage(from first: UTCDay, to last: UTCDay, key: String? = nil) async throws -> FairStackBreakdown {
        let query = [("from", "\(first)"), ("to", "\(last)")] + (key.map { [("key_id", $0)] } ?? [])
        let answer = try await api.send(UpstreamCall(.get, "/v1/usage", query: query.map { (name: $0.0, value: $0.1) }))
        let usage = try FairStackBody<FairStackUsage>.payload(of: answer)
        // Any JSON object fits the lenient type: one without figures must not pass for a day without usage.
        guard usage.total_cost?.micro != nil || usage.generation_count != nil || !usage.by_model.values.isEmpty else {
            throw SourceFailure(
                .decode, "usage: expected total_cost, generation_count or by_model; is base_url the FairStack API?")
        }
        return FairStackBreakdown(usage)
    }
}
