import ExporterCore
import HTTPTypes
import Hummingbird
import NIOCore
import PrometheusExposition

/// `/metrics` and `/probe`: hands out the newest snapshot's bytes, or a part of them; nothing is rendered here.
struct MetricsEndpoint: Sendable {
    let store: SnapshotStore
    let scrapes: ScrapeTally
    let maximumInFlight: Int

    /// Answers a scrape.
    ///
    /// - Parameter account: the one account to show, by its place; nil for all, and the exporter's own series.
    func respond(to request: Request, by channel: any Channel, account: Int? = nil) throws -> Response {
        guard let scrape = scrapes.begin(limit: maximumInFlight) else {
            scrapes.answered(503)
            return .text(
                "Too many scrapes at once: --web.max-requests is \(maximumInFlight).\n", status: .serviceUnavailable)
        }
        let format = negotiateFormat(accept: request.headers[.accept])
        let encoding = negotiateEncoding(acceptEncoding: request.headers[.acceptEncoding])
        let query = QueryParameters(request.uri.query)
        let selection = SnapshotSelection(account: account, names: Set(query.values(of: "name[]")))
        let body = try store.current.body(format, encoding == .gzip ? .gzip : .identity, of: selection)
        var headers: HTTPFields = [
            .contentType: format.contentType, .contentLength: "\(body.length)",
            .vary: "Accept, Accept-Encoding", .xContentTypeOptions: "nosniff",
        ]
        if encoding == .gzip { headers[.contentEncoding] = "gzip" }
        scrapes.answered(200)
        let timing = ScrapeTiming(timeout: HTTPField.Name.scrapeTimeout.flatMap { request.headers[$0] })
        if request.method == .head { return Response(status: .ok, headers: headers) }
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: body.length) { writer in
                let release = channel.eventLoop.scheduleTask(in: ScrapeTiming.counting) { scrape.end() }
                let giveUp = channel.eventLoop.scheduleTask(in: timing.limit) { channel.close(promise: nil) }
                defer {
                    release.cancel()
                    giveUp.cancel()
                    scrape.end()
                }
                try await writer.write(contentsOf: body.parts)
                try await writer.finish(nil)
            })
    }
}

extension HTTPField.Name {
    /// How long Prometheus waits for this scrape, in seconds.
    fileprivate static let scrapeTimeout = HTTPField.Name("X-Prometheus-Scrape-Timeout-Seconds")
}
