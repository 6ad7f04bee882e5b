import NIOConcurrencyHelpers
import Upstream
import UsageModel

/// Upstream responses in the order of the calls, taken from the fuzzed bytes.
///
/// The byte 0x1D ends the responses of one sync, 0x1E one response; neither is valid in JSON. After the last response
/// it is repeated. Lines such as `@Link: </v2>` at the start of a response are header fields, and a body such as `!404`
/// is a failure with that status.
final class AnswerScript: UpstreamAPI {
    /// Limits the calls of one sync, because the responses may never end a loop.
    private static let mostCalls = 16

    private let syncs: [[[UInt8]]]
    private let calls = NIOLockedValueBox((sync: 0, count: 0))

    init(_ bytes: ArraySlice<UInt8>) {
        syncs = bytes.split(separator: 0x1D, omittingEmptySubsequences: false).map { sync in
            sync.split(separator: 0x1E, omittingEmptySubsequences: false).map { Array($0) }
        }
    }

    /// The number of syncs.
    var count: Int { syncs.count }

    /// Selects the responses of a sync.
    func begin(sync: Int) { calls.withLockedValue { $0 = (sync, 0) } }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        try await call.permit?()
        let (sync, count) = calls.withLockedValue { calls in
            calls.count += 1
            return (calls.sync, calls.count - 1)
        }
        guard count < Self.mostCalls else {
            throw UpstreamFailure(reason: .network, message: "no more responses")
        }
        let responses = syncs[min(sync, syncs.count - 1)]
        return try Self.response(responses[min(count, responses.count - 1)][...])
    }

    private static func response(_ bytes: ArraySlice<UInt8>) throws(UpstreamFailure) -> UpstreamResponse {
        var body = bytes
        var fields: [(name: String, value: String)] = []
        while body.first == UInt8(ascii: "@"), let end = body.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: body[..<end].dropFirst(), as: UTF8.self).split(separator: ":", maxSplits: 1)
            if line.count == 2 { fields.append((name: String(line[0]), value: String(line[1]))) }
            body = body[(end + 1)...]
        }
        let headers = UpstreamHeaders(fields)
        guard body.count == 4, body.first == UInt8(ascii: "!"),
            let status = Int(String(decoding: body.dropFirst(), as: UTF8.self)), (300...599).contains(status)
        else { return UpstreamResponse(status: 200, headers: headers, body: Array(body)) }
        let now = CheckedVisit.first
        throw UpstreamFailure(
            reason: reason(status), status: status, headers: headers,
            retryAfter: headers.first(name: "Retry-After").flatMap { RetryAfter($0, now: now) }?.wait(from: now),
            message: "HTTP \(status)")
    }

    private static func reason(_ status: Int) -> FailureReason {
        switch status {
        case 401, 402, 403: .auth
        case 410: .gone
        case 429: .rateLimited
        case 500...: .http5xx
        default: .http4xx
        }
    }
}
