import UsageModel
import Upstream

/// `POST /api/v3/predictions`: the jobs that run now, by model.
///
/// Only ids, models and states are read. Inputs, outputs and error texts are never stored, logged or exported.
struct WaveSpeedRunningJobs {
    static let endpoint = "predictions"
    /// The maximum number of pages of one sync.
    static let mostPages = 10
    /// How long the API keeps jobs.
    static let kept = Duration.days(7)

    private struct Filters: Encodable {
        let status: String
        let created_after: String
        let created_before: String
    }

    private struct Job: WaveSpeedRow {
        let id: LenientString?
        let model: Decoration<LenientString>
        let status: LenientString?
    }

    /// The running jobs by model; "" holds those without a model.
    let counts: [String: Int]

    /// Reads the running jobs; nil if there are more than the pages can list.
    static func read(_ api: any UpstreamAPI, _ context: any SyncContext) async throws -> WaveSpeedRunningJobs? {
        var pages = WaveSpeedPages(
            api: api, path: "/api/v3/predictions", endpoint: endpoint, isIncidental: true, allowance: mostPages)
        let now = context.now
        var counts: [String: Int] = [:]
        var seen: Set<String> = []
        // Jobs move from the first state to the second, so a job that moves between the queries is in both.
        for status in ["created", "processing"] {
            let filters = Filters(
                status: status, created_after: (now - kept).description, created_before: now.description)
            guard let jobs = try await pages.rows(of: Job.self, matching: filters, context) else { return nil }
            // The filter may be ignored.
            for job in jobs where job.status?.value == status {
                guard job.id.map({ seen.insert($0.whole).inserted }) ?? true else { continue }
                counts[job.model.value?.value ?? "", default: 0] += 1
            }
        }
        return WaveSpeedRunningJobs(counts: counts)
    }

    /// Returns the samples of `genai_pending_requests`: 0 for the known models without a running job.
    func samples(knownModels: [String]) -> [GaugeSample] {
        let zeros = Dictionary(knownModels.map { ($0, 0) }, uniquingKeysWith: { $1 })
        return zeros.merging(counts) { $1 }.sorted { $0.key < $1.key }.prefix(longestArray)
            .map { GaugeSample([$0.key], Double($0.value)) }
    }
}
