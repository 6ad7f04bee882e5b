import ExporterCore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import PrometheusExposition
import UsageModel

/// `/metrics` and `/probe`: hands out the newest snapshot's bytes, or a part of them; nothing is rendered here.
struct MetricsEndpoint: Sendable {
    let store: SnapshotStore
    let scrapes: ScrapeTally
    let maximumInFlight: Int
    let clock: any WallClock

    /// Over TLS; what is beyond waits until the client has read most of it.
    private static let encryptedAtOnce = 64 * 1024

    /// Answers a scrape.
    ///
    /// - Parameter account: the one account to show, by its place; nil for all, and the exporter's own series.
    func respond(to request: Request, in context: ExporterRequestContext, account: Int? = nil) throws -> Response {
        guard let scrape = scrapes.begin(limit: maximumInFlight) else {
            scrapes.answered(503)
            return .text(
                "Too many scrapes at once: --web.max-requests is \(maximumInFlight).\n", status: .serviceUnavailable)
        }
        let format = negotiateFormat(accept: request.headers[.accept])
        let encoding = negotiateEncoding(acceptEncoding: request.headers[.acceptEncoding])
        let query = QueryParameters(request.uri.query)
        let selection = SnapshotSelection(account: account, names: Set(query.values(of: "name[]")))
        let snapshot = store.current
        let body = try snapshot.body(format, encoding == .gzip ? .gzip : .identity, of: selection)
        var headers: HTTPFields = [
            .contentType: format.contentType, .contentLength: "\(body.length)",
            .vary: "Accept, Accept-Encoding", .xContentTypeOptions: "nosniff",
        ]
        if encoding == .gzip { headers[.contentEncoding] = "gzip" }
        scrapes.answered(200)
        let isShared = context.transport == .plain
        let eventLoop = context.channel.eventLoop
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: body.length) { [store, clock] writer in
                let release = eventLoop.scheduleTask(in: AnswerTime.counting) { scrape.end() }
                defer {
                    release.cancel()
                    scrape.end()
                }
                // No copy is made however slowly the client reads; but over TLS each client's bytes are encrypted anew, so
                // it is given no more of them than it takes in at a time.
                let portions = isShared ? [body.parts] : body.slices(upTo: Self.encryptedAtOnce).map { [$0] }
                for portion in portions {
                    try await writer.write(contentsOf: portion)
                    // A write only waits its turn on the event loop; whether there is room for more is known after it.
                    try await eventLoop.submit {}.get()
                    // Only the client's reading is left, which must not keep other scrapes out.
                    if isShared { scrape.end() }
                }
                try await writer.finish(nil)
                if selection.names.isEmpty { store.markServed(snapshot, account: account, at: clock.now) }
            })
    }
}

/// The query of a request, as forms and Prometheus write it (`application/x-www-form-urlencoded`).
struct QueryParameters {
    private let pairs: [(name: String, value: String)]

    /// Reads a query, without its `?`; what is not encoded rightly is taken as it stands.
    init(_ query: String?) {
        pairs = (query ?? "").split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(halves[0]), halves.count > 1 ? Self.decoded(halves[1]) : "")
        }
    }

    /// The names that are none of these, in order.
    func names(except known: Set<String>) -> [String] {
        pairs.map(\.name).filter { !known.contains($0) }
    }

    /// Every value of a name, in order.
    func values(of name: String) -> [String] {
        pairs.filter { $0.name == name }.map(\.value)
    }

    private static func decoded(_ text: Substring) -> String {
        let spaced = text.replacing("+", with: " ")
        return spaced.removingPercentEncoding ?? String(spaced)
    }
}
