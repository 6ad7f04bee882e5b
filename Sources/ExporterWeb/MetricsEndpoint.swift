import ExporterCore
import HTTPTypes
import Hummingbird
import PrometheusExposition

/// `/metrics`: hands out the newest snapshot's bytes; nothing is rendered or compressed here.
struct MetricsEndpoint: Sendable {
    let store: SnapshotStore
    let scrapes: ScrapeTally
    let maximumInFlight: Int

    func respond(to request: Request) -> Response {
        guard let scrape = scrapes.begin(limit: maximumInFlight) else {
            scrapes.answered(503)
            return .text(
                "Too many scrapes at once: --web.max-requests is \(maximumInFlight).\n", status: .serviceUnavailable)
        }
        let format = negotiateFormat(accept: request.headers[.accept])
        let encoding = negotiateEncoding(acceptEncoding: request.headers[.acceptEncoding])
        let body = store.current.body(format, encoding == .gzip ? .gzip : .identity)
        var headers: HTTPFields = [
            .contentType: format.contentType, .contentLength: "\(body.length)",
            .vary: "Accept, Accept-Encoding", .xContentTypeOptions: "nosniff",
        ]
        if encoding == .gzip { headers[.contentEncoding] = "gzip" }
        scrapes.answered(200)
        if request.method == .head { return Response(status: .ok, headers: headers) }
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: body.length) { writer in
                defer { withExtendedLifetime(scrape) {} }
                try await writer.write(contentsOf: body.parts)
                try await writer.finish(nil)
            })
    }
}
