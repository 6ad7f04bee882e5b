import Upstream
import UsageModel

/// `GET /v1/organization/usage/…`: requests and tokens by key and model, one UTC day per slice.
///
/// Six endpoints count requests, each of other models. A day is committed with the rows of all of them. An endpoint that
/// has never responded and is missing (404), or may not be read (403), is left out.
struct OpenAIUsageSource: OpenAIDaySource {
    static let endpoint = "usage"
    static let longestRange = 31
    /// The endpoints that have responded.
    static let memoryName = "endpoints"

    let name = endpoint
    let api: any UpstreamAPI
    let projects: [String]
    let keys: OpenAIKeyDirectory

    func days(
        of slices: [DueSlice], _ range: ClosedRange<UTCDay>, _ context: any SyncContext,
        _ failures: inout [SourceFailure], _ reading: inout Reading
    ) async throws -> [OpenAIUsageDay] {
        let now = context.now
        let known: [OpenAIUsageEndpoint] = try await context.remembered(Self.memoryName) ?? []
        var responses: [(endpoint: OpenAIUsageEndpoint, days: OpenAIDays<OpenAIUsageRow>)] = []
        var missing: [(endpoint: OpenAIUsageEndpoint, failure: UpstreamFailure)] = []
        for endpoint in OpenAIUsageEndpoint.allCases {
            let query = OpenAIQuery(
                api: api, path: endpoint.path, groups: ["model", "api_key_id"], projects: projects)
            do {
                responses.append((endpoint, try await query.read(range, OpenAIUsageRow.self, context)))
            } catch let failure as UpstreamFailure where failure.isUnavailable && !known.contains(endpoint) {
                // Once an endpoint has responded it must not be missing: its usage would be undone.
                missing.append((endpoint, failure))
            }
        }
        if let first = missing.first, responses.isEmpty { throw first.failure }
        // One remark for each status: an admin key may be refused by all endpoints but one.
        for same in Dictionary(grouping: missing, by: \.failure.status).values {
            let endpoints = same.map(\.endpoint.rawValue).joined(separator: ", ")
            context.remark("the usage of \(endpoints) is not read: \(same[0].failure.message)")
        }
        let present = responses.map(\.endpoint)
        if present != known { reading.memory[Self.memoryName] = try RememberedJSON.text(of: present) }
        var days: [OpenAIUsageDay] = []
        for due in slices {
            do {
                var day = OpenAIUsageDay(due)
                var isListed = false
                for (endpoint, response) in responses {
                    guard let rows = try response.rows(of: due.day, now: now) else { continue }
                    isListed = true
                    try day.add(rows, of: endpoint)
                }
                // The current day may not be listed yet. One that an endpoint does not list had no usage of it.
                guard isListed || due.day.period.end <= now else {
                    try await checkUnlisted(due, context)
                    continue
                }
                days.append(day)
            } catch let failure as SourceFailure {
                failures.append(failure)
            }
        }
        return days
    }
}
