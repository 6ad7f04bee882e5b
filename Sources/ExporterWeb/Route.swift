import HTTPTypes
import Hummingbird

/// A path of the HTTP interface, its methods, the clients that may reach it, and its handler.
struct Route: Sendable {
    typealias Handler = @Sendable (Endpoints, Request, ExporterRequestContext) async throws -> Response

    /// Clients that may reach a route.
    enum Access: Sendable {
        /// Those within the rate limit and with a password of the web config, if it has them.
        case authorized
        /// All, because an orchestrator must not restart the exporter when other clients send too many requests.
        ///
        /// These routes are served at the root too, because an orchestrator's probe does not know the route prefix, and
        /// they are the only ones at `--web.health-address`.
        case everyone
    }

    let path: String
    var methods: [HTTPRequest.Method] = [.get, .head]
    var access = Access.authorized
    /// Whether the response to a request without a query is already rendered. It is then sent on the connection's event
    /// loop, which must not block.
    var isReadyMade = false
    let handler: Handler
}

extension Route {
    static func metrics(at path: String) -> Route {
        Route(path: path, isReadyMade: true) { try $0.metrics($1, in: $2) }
    }

    static let statusPage = Route(path: "/") { endpoints, _, _ in try await endpoints.statusPage() }
    static let probe = Route(path: "/probe") { try await $0.probe($1, in: $2) }
    static let discovery = Route(path: "/sd") { endpoints, request, _ in await endpoints.discovery(for: request) }
    static let healthy = Route(path: "/-/healthy", access: .everyone) { _, _, _ in
        .text("genai_usage_exporter is healthy.\n")
    }
    static let ready = Route(path: "/-/ready", access: .everyone) { endpoints, _, _ in
        endpoints.exporter.isReady
            ? .text("genai_usage_exporter is ready.\n")
            : .text("Not ready: not every account was tried yet.\n", status: .serviceUnavailable)
    }
    static let reload = Route(path: "/-/reload", methods: [.post]) { endpoints, request, _ in
        await endpoints.reload(request)
    }
    static let sync = Route(path: "/-/sync", methods: [.post]) { endpoints, request, _ in
        await endpoints.sync(request)
    }

    /// All routes except that of the metrics, whose path is a flag.
    static let fixed = [statusPage, probe, discovery, healthy, ready, reload, sync]

    static let healthChecks = fixed.filter { $0.access == .everyone }
}

/// Responds to the requests of a listener: by the limits of the web config first, then by the route of the path.
struct ExporterResponder: Sendable {
    let routes: [Route]
    let settings: WebConfigurationStore
    let endpoints: Endpoints

    private var prefixes: WebRoutes { endpoints.options.routes }

    func respond(to request: Request, context: ExporterRequestContext) async throws -> Response {
        let path = prefixes.local(request.uri.path)
        let route = routes.first { $0.path == path }
        let gate = AccessGate(settings: settings)
        return try await gate.respond(to: request, context: context, access: route?.access ?? .authorized) {
            guard let route else { return notFound(request.uri.path) }
            guard route.methods.contains(request.method) else { return .methodNotAllowed(allow: route.methods) }
            if route.isReadyMade, request.uri.query == nil {
                return try await route.handler(endpoints, request, context)
            }
            return try await withTaskExecutorPreference(globalConcurrentExecutor) {
                try await route.handler(endpoints, request, context)
            }
        }
    }

    /// Redirects `/` outside the route prefix to the status page; other paths get 404.
    private func notFound(_ path: String) -> Response {
        let (link, page) = (prefixes.linkPrefix, Route.statusPage.path)
        guard routes.contains(where: { $0.path == page }) else {
            let paths = routes.map(\.path).joined(separator: " and ")
            return .text("Not found. This address serves \(paths) only.\n", status: .notFound)
        }
        // The route prefix if the link prefix is empty, because a redirect to `/` would loop.
        if path == page { return .redirect(to: (link.isEmpty ? prefixes.prefix : link) + page, type: .found) }
        return .text(
            "Not found. Metrics are at \(link)\(endpoints.options.telemetryPath), one account's at "
                + "\(link)\(Route.probe.path), the status page at \(link)\(page).\n", status: .notFound)
    }
}
