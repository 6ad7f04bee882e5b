import NIOConcurrencyHelpers
import Upstream
import UsageModel

/// The upstream's answers in the order of the calls, cut out of the fuzzed bytes: an API that says whatever it likes.
///
/// The byte 0x1D ends the answers to one sync, 0x1E one answer; neither may stand in JSON. Where there are no more, the
/// last one is given again. Lines such as `@Link: </v2>` at an answer's beginning are fields of its header, and a body
/// such as `!404` is a failure with that status.
final class AnswerScript: UpstreamAPI {
    /// An API that never comes to an end has to be left some time.
    private static let mostCalls = 16

    private let syncs: [[[UInt8]]]
    private let calls = NIOLockedValueBox((sync: 0, count: 0))

    init(_ bytes: ArraySlice<UInt8>) {
        syncs = bytes.split(separator: 0x1D, omittingEmptySubsequences: false).map { sync in
            sync.split(separator: 0x1E, omittingEmptySubsequences: false).map { Array($0) }
        }
    }

    /// How many syncs the bytes are about.
    var count: Int { syncs.count }

    /// From now on calls are answered as in this sync.
    func begin(sync: Int) { calls.withLockedValue { $0 = (sync, 0) } }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        try await call.permit?()
        let (sync, count) = calls.withLockedValue { calls in
            calls.count += 1
            return (calls.sync, calls.count - 1)
        }
        guard count < Self.mostCalls else {
            throw UpstreamFailure(reason: .network, message: "nobody answers any more")
        }
        let answers = syncs[min(sync, syncs.count - 1)]
        return try Self.answer(answers[min(count, answers.count - 1)][...])
    }

    private static func answer(_ bytes: ArraySlice<UInt8>) throws(UpstreamFailure) -> UpstreamResponse {
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
