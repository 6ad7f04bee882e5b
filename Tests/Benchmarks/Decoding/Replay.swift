import Foundation
import ProviderSimulator
import NIOConcurrencyHelpers
import UsageModel
import Upstream

/// Responses from files, in the order of their names.
final class ReplayedAPI: UpstreamAPI {
    private let remaining: NIOLockedValueBox<[URL]>

    init(folder: URL) throws {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        remaining = NIOLockedValueBox(files.sorted { $0.lastPathComponent > $1.lastPathComponent })
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        guard let file = remaining.withLockedValue({ $0.popLast() }) else {
            throw SourceFailure(.network, "more requests than recorded responses")
        }
        return UpstreamResponse(status: 200, headers: UpstreamHeaders([]), body: [UInt8](try Data(contentsOf: file)))
    }
}

/// Forwards calls to a simulated provider and writes its responses to files.
final class RecordingAPI: UpstreamAPI {
    private let provider: any SimulatedProvider
    private let account: String
    private let folder: URL
    private let written = NIOLockedValueBox((files: 0, bytes: 0))

    var bytes: Int { written.withLockedValue { $0.bytes } }

    init(_ provider: any SimulatedProvider, account: String, folder: URL) {
        self.provider = provider
        self.account = account
        self.folder = folder
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        var query: [String: String] = [:]
        for item in URLComponents(string: "?" + call.query)?.queryItems ?? [] { query[item.name] = item.value }
        let response = provider.answer(
            APIRequest(
                time: Recording.now, method: call.method.rawValue, path: "/\(provider.name)\(call.path)",
                endpoint: call.path, query: query, account: account), style: [])
        let body = response.body.encoded()
        let file = written.withLockedValue { written in
            written = (written.files + 1, written.bytes + body.count)
            return folder.appendingPathComponent(String(1_000_000 + written.files) + ".json")
        }
        try Data(body).write(to: file)
        return UpstreamResponse(status: response.status, headers: UpstreamHeaders([]), body: body)
    }
}

/// A sync context that counts the committed requests and forwards the readings.
final class CountingVisit: SyncContext {
    let startedAt = Recording.now
    let now = Recording.now
    let ledgerStart: Timestamp
    let isFirst = true
    let dueSlices: [DueSlice]
    private let store: @Sendable (Reading) async throws -> Void
    private let requests = NIOLockedValueBox(0)

    var rows: Int { requests.withLockedValue { $0 } }

    /// - Parameter store: receives each reading; does nothing by default.
    init(_ slices: [SliceID], store: @escaping @Sendable (Reading) async throws -> Void = { _ in }) {
        ledgerStart = slices.map(\.period.start).min() ?? Recording.now
        dueSlices = slices.map { DueSlice(slice: $0, lastRead: nil, settles: false) }
        self.store = store
    }

    func cells(of slice: SliceID) async throws -> [Cell] { [] }
    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample] { [] }
    func memory(_ name: String) async throws -> String? { nil }
    func spend(from quota: Quota) async throws {}

    func commit(_ reading: Reading) async throws {
        let counted = reading.slices.flatMap(\.cells).filter { $0.family == .requests }
            .reduce(ExactDecimal.zero) { $0 + $1.value }
        requests.withLockedValue { $0 += counted.wholeNumber ?? 0 }
        try await store(reading)
    }
}
