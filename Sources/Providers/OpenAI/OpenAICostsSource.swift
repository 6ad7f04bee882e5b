import Upstream
import UsageModel

/// `GET /v1/organization/costs`: USD by key and line item, one UTC day per slice, the finest that the API has.
///
/// One query by key and line item and one without dimensions read all due days. The second is the provider's own total,
/// with which the rows are compared.
///
/// Not read: `quantity` and `quantity_unit`, of which the rows by tokens are in `usage`; `organization_id` and
/// `organization_name`, of which there is one.
struct OpenAICostsSource: OpenAIDaySource {
    static let endpoint = "costs"
    static let path = "/v1/organization/costs"
    static let longestRange = 180

    let name = endpoint
    let reportsCost = true
    let costViews: Set<LedgerFamily> = [.keyCost]
    let api: any UpstreamAPI
    let projects: [String]
    let keys: OpenAIKeyDirectory

    func days(
        of slices: [DueSlice], _ range: ClosedRange<UTCDay>, _ context: any SyncContext,
        _ failures: inout [SourceFailure], _ reading: inout Reading
    ) async throws -> [OpenAICostDay] {
        let now = context.now
        // The total first: usage that arrives in between then makes the rows exceed it, and nothing counts without a key.
        let totals = try await rows(of: range, groups: [], context)
        let lines = try await rows(of: range, groups: ["line_item", "api_key_id"], context)
        var days: [OpenAICostDay] = []
        for due in slices {
            do {
                let total = try totals.rows(of: due.day, now: now)
                let rows = try lines.rows(of: due.day, now: now)
                if total == nil || rows == nil {
                    // The current day may not be listed yet. A past one that is not listed had no cost.
                    guard due.day.period.end <= now else {
                        try await checkUnlisted(due, context)
                        continue
                    }
                    guard ((total ?? []) + (rows ?? [])).allSatisfy(\.amount.value.value.isZero) else {
                        throw SourceFailure(
                            .decode, "costs lists \(due.day) only in total, or only by line item and key")
                    }
                }
                days.append(try OpenAICostDay(due, rows: rows ?? [], total: total ?? []))
            } catch let failure as SourceFailure {
                failures.append(failure)
            }
        }
        try await confirm(&days, context)
        return days
    }

    private func rows(
        of days: ClosedRange<UTCDay>, groups: [String], _ context: any SyncContext
    ) async throws -> OpenAIDays<OpenAICostRow> {
        let query = OpenAIQuery(api: api, path: Self.path, groups: groups, projects: projects)
        return try await query.read(days, OpenAICostRow.self, context)
    }

    /// Reads the totals again of days whose rows do not sum to them.
    private func confirm(_ days: inout [OpenAICostDay], _ context: any SyncContext) async throws {
        guard let range = days.filter({ !$0.agrees }).map(\.due).days else { return }
        let now = context.now
        let totals = try await rows(of: range, groups: [], context)
        for index in days.indices where !days[index].agrees {
            days[index].confirm(total: try? totals.rows(of: days[index].due.day, now: now))
        }
    }
}
