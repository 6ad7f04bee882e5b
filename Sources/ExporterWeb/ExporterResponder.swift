import ExporterCore
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Answers every request: a table of paths, each with the methods it takes.
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
        if isReadyMade(request) { return try await answer(to: request, context: context) }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try await answer(to: request, context: context)
        }
    }

    /// Whether the answer's bytes are there already: it is given on the connection's own thread, where nothing that takes
    /// time may be done.
    private func isReadyMade(_ request: Request) -> Bool {
        request.uri.query == nil && routes.local(request.uri.path) == telemetryPath
    }

    private func answer(to request: Request, context: Context) async throws -> Response {
        guard let path = routes.local(request.uri.path) else {
            // A proxy that serves the prefix as its root would send the client back here.
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

    /// What is wrong with the exporter itself, in plain words.
    private var notices: [String] {
        get async {
            var notices: [String] = []
            if await !exporter.isConfigurationCurrent {
                notices.append("The config file could not be taken over: an older one is in force. The log says why.")
            }
            if !settings.isCurrent {
                notices.append("The web config file cannot be used: an older one is in force. The log says why.")
            }
            return notices
        }
    }

    private func isKnown(_ path: String) -> Bool {
        path == telemetryPath || ["/", Self.probePath, "/sd", "/-/healthy", "/-/ready"].contains(path)
    }

    /// One configured account's series: the target is a name of our own config, never an address.
    private func probe(_ request: Request, in context: Context) async throws -> Response {
        let targets = QueryParameters(request.uri.query).values(of: "target")
        guard targets.count == 1, let target = targets.first, !target.isEmpty else {
            return .text("Say which account: /probe?target=NAME, once.\n", status: .badRequest)
        }
        guard let account = await exporter.accountPlaces.first(where: { $0.name == target }) else {
            return .text("There is no such account in the config; /sd lists them.\n", status: .notFound)
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

/// What a connection speaks.
enum Transport: Sendable {
    case plain
    case tls
    /// Always over TLS here.
    case http2
}

/// What is known of a request beside the request itself: the connection that it came by.
struct ExporterRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, or the stream of an HTTP/2 connection.
    let channel: any Channel
    let transport: Transport
    /// With what the connection's handshake was made; nil for plain HTTP.
    let tls: ServerTLS?

    /// The connection, also of an HTTP/2 stream.
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
