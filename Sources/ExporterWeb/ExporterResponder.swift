import ExporterCore
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Routes every request by path and method.
struct ExporterResponder: HTTPResponder {
    typealias Context = ExporterRequestContext

    let exporter: Exporter
    let metrics: MetricsEndpoint
    let lifecycle: LifecycleEndpoints
    let telemetryPath: String
    let settings: WebConfigurationStore
    let pages: StatusPageCache
    let routes: WebRoutes

    static let probePath = "/probe"

    func respond(to request: Request, context: Context) async throws -> Response {
        if isReadyMade(request) { return try await response(to: request, context: context) }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try await response(to: request, context: context)
        }
    }

    /// Whether the response is already rendered. It is then sent on the connection's event loop, which must not block.
    private func isReadyMade(_ request: Request) -> Bool {
        request.uri.query == nil && routes.local(request.uri.path) == telemetryPath
    }

    private func response(to request: Request, context: Context) async throws -> Response {
        guard let path = routes.local(request.uri.path) else {
            // The route prefix if the link prefix is empty, because a redirect to `/` would loop.
            let start = routes.linkPrefix.isEmpty ? routes.prefix : routes.linkPrefix
            return request.uri.path == "/" ? .redirect(to: start + "/", type: .found) : notFound
        }
        if path == LifecycleEndpoints.reloadPath || path == LifecycleEndpoints.syncPath {
            return await lifecycle.respond(to: request)
        }
        guard request.method == .head || request.method == .get else {
            return isKnown(path) ? .methodNotAllowed(allow: "GET, HEAD") : notFound
        }
        switch path {
        case telemetryPath:
            return try metrics.respond(to: request, in: context)
        case Self.probePath:
            return try await probe(request, in: context)
        case "/sd":
            return ServiceDiscovery(
                accounts: await exporter.accountPlaces, isTLS: settings.current.tls != nil, routes: routes
            )
            .respond(to: request)
        case "/":
            var response = Response.bytes(
                try await pages.newest {
                    StatusPage(
                        accounts: try await exporter.overview(), telemetryPath: telemetryPath,
                        linkPrefix: routes.linkPrefix, now: exporter.now,
                        notices: await notices
                    ).html
                }, type: "text/html; charset=utf-8")
            response.headers[.contentSecurityPolicy] = StatusPage.contentSecurityPolicy
            return response
        case "/-/healthy":
            return .text("genai_usage_exporter is healthy.\n")
        case "/-/ready":
            return exporter.isReady
                ? .text("genai_usage_exporter is ready.\n")
                : .text(
                    "Not ready: not every account was tried yet.\n", status: .serviceUnavailable)
        default:
            return notFound
        }
    }

    private var notFound: Response {
        .text(
            "Not found. Metrics are at \(routes.linkPrefix)\(telemetryPath), one account's at \(routes.linkPrefix)/probe, the "
                + "status page at \(routes.linkPrefix)/.\n",
            status: .notFound)
    }

    /// Problems of the exporter itself, for the status page.
    private var notices: [String] {
        get async {
            var notices: [String] = []
            if await !exporter.isConfigurationCurrent {
                notices.append("The config file could not be applied: an older one is active. See the log.")
            }
            if !settings.isCurrent {
                notices.append("The web config file cannot be used: an older one is active. See the log.")
            }
            return notices
        }
    }

    private func isKnown(_ path: String) -> Bool {
        path == telemetryPath || ["/", Self.probePath, "/sd", "/-/healthy", "/-/ready"].contains(path)
    }

    /// Serves one account's series. The target is an account name of the config, never an address.
    private func probe(_ request: Request, in context: Context) async throws -> Response {
        let targets = QueryParameters(request.uri.query).values(of: "target")
        guard targets.count == 1, let target = targets.first, !target.isEmpty else {
            return .text("Exactly one target parameter is required: /probe?target=ACCOUNT.\n", status: .badRequest)
        }
        guard let account = await exporter.accountPlaces.first(where: { $0.name == target }) else {
            return .text("Unknown account: /sd lists the configured ones.\n", status: .notFound)
        }
        return try metrics.respond(to: request, in: context, account: account.index)
    }
}

extension Response {
    static func methodNotAllowed(allow methods: String) -> Response {
        var response = text("Method not allowed; allowed: \(methods).\n", status: .methodNotAllowed)
        response.headers[.allow] = methods
        return response
    }

    static func text(
        _ text: String, type: String = "text/plain; charset=utf-8", status: HTTPResponse.Status = .ok
    ) -> Response {
        bytes(ByteBuffer(string: text), type: type, status: status)
    }

    static func bytes(_ buffer: ByteBuffer, type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: type, .contentLength: "\(buffer.readableBytes)", .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: buffer))
    }
}

/// The protocol of a connection.
enum Transport: Sendable {
    case plain
    case tls
    /// Always over TLS.
    case http2
}

/// The context of a request: the connection on which it arrived.
struct ExporterRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, or the stream of an HTTP/2 connection.
    let channel: any Channel
    let transport: Transport
    /// The TLS settings of the connection's handshake; nil for plain HTTP.
    let tls: ServerTLS?

    /// The connection; for an HTTP/2 stream its parent channel.
    var connection: any Channel { transport == .http2 ? channel.parent ?? channel : channel }

    init(_ channel: any Channel, _ transport: Transport, tls: ServerTLS?, logger: Logger) {
        self.channel = channel
        self.transport = transport
        self.tls = tls
        coreContext = .init(source: ApplicationRequestContextSource(channel: channel, logger: logger))
    }

    init(source: ApplicationRequestContextSource) {
        self.init(source.channel, .plain, tls: nil, logger: source.logger)
    }
}
