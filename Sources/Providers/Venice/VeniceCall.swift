import UsageModel
import Upstream

extension UpstreamAPI {
    /// Sends a call, and tells the visit what the answer says about the endpoint's own future.
    func send(_ call: UpstreamCall, telling visit: any SyncVisit) async throws -> UpstreamAnswer {
        do {
            let answer = try await send(call)
            visit.notice(UpstreamNotice(headers: answer.headers, now: visit.now))
            return answer
        } catch let failure as UpstreamFailure where failure.status == 410 {
            visit.notice(UpstreamNotice(goneWith: failure.headers ?? [:], now: visit.now))
            throw failure
        }
    }

    /// The same for an endpoint that an account or an older API may be without: nil where there is nothing (404).
    func sendOptional(_ call: UpstreamCall, telling visit: any SyncVisit) async throws -> UpstreamAnswer? {
        do {
            return try await send(call, telling: visit)
        } catch let failure as UpstreamFailure where failure.status == 404 {
            return nil
        }
    }
}
