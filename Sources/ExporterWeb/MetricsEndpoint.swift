import ExporterCore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import PrometheusExposition

extension Endpoints {
    /// Bytes written at a time over TLS; the next ones are encrypted once the client has read most of them.
    private static let encryptedAtOnce = 64 * 1024

    /// Serves the newest snapshot, or a selection of it. Requests render nothing.
    ///
    /// - Parameter account: index of the only account to return; nil for all accounts and the exporter's own series.
    func metrics(_ request: Request, in context: ExporterRequestContext, account: Int? = nil) throws -> Response {
        let scrapes = exporter.scrapes
        guard let scrape = scrapes.begin(limit: options.maximumScrapes) else {
            scrapes.answered(503)
            return .text(
                "Too many scrapes at once: --web.max-requests is \(options.maximumScrapes).\n",
                status: .serviceUnavailable)
        }
        let format = negotiateFormat(accept: request.headers[.accept])
        let encoding = negotiateEncoding(acceptEncoding: request.headers[.acceptEncoding])
        let query = QueryParameters(request.uri.query)
        let selection = SnapshotSelection(account: account, names: Set(query.values(of: "name[]")))
        let snapshot = exporter.store.current
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
            body: ResponseBody(contentLength: body.length) { [exporter] writer in
                let release = eventLoop.scheduleTask(in: AnswerTime.counting) { scrape.end() }
                defer {
                    release.cancel()
                    scrape.end()
                }
                // Clients of plain HTTP share the snapshot's buffers. TLS needs an encrypted copy for each client, so
                // that a slow client gets one slice at a time.
                let slices = isShared ? [body.parts] : body.slices(upTo: Self.encryptedAtOnce).map { [$0] }
                for slice in slices {
                    try await writer.write(contentsOf: slice)
                    // Writability is known only after the write has run on the event loop.
                    try await eventLoop.submit {}.get()
                    // Everything is buffered: a slow client must not count against the limit of concurrent scrapes.
                    if isShared { scrape.end() }
                }
                try await writer.finish(nil)
                if selection.names.isEmpty { exporter.store.markServed(snapshot, account: account, at: exporter.now) }
            })
    }
}

/// Query parameters in form encoding (`application/x-www-form-urlencoded`), as Prometheus sends them.
struct QueryParameters {
    private let pairs: [(name: String, value: String)]

    /// Parses a query without its `?`. Invalid percent-encoding is kept as it is.
    init(_ query: String?) {
        pairs = (query ?? "").split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(halves[0]), halves.count > 1 ? Self.decoded(halves[1]) : "")
        }
    }

    /// Names other than the known ones, in order.
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
