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
        var missing: (endpoints: [String], failure: UpstreamFailure)?
        for endpoint in OpenAIUsageEndpoint.allCases {
            let query = OpenAIQuery(
                api: api, path: endpoint.path, groups: ["model", "api_key_id"], projects: projects)
            do {
                responses.append((endpoint, try await query.read(range, OpenAIUsageRow.self, context)))
            } catch let failure as UpstreamFailure where failure.isUnavailable && !known.contains(endpoint) {
                // Once an endpoint has responded it must not be missing: its usage would be undone.
                missing = ((missing?.endpoints ?? []) + [endpoint.rawValue], missing?.failure ?? failure)
            }
        }
        if let missing {
            if responses.isEmpty { throw missing.failure }
            let endpoints = missing.endpoints.joined(separator: ", ")
            context.remark("the usage of \(endpoints) is not read: \(missing.failure.message)")
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
                if isListed || due.day.period.end <= now { days.append(day) }
            } catch let failure as SourceFailure {
                failures.append(failure)
            }
        }
        return days
    }
}
