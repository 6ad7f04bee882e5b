import ExporterCore
import ExporterTestSupport
import HTTPTypes
import HummingbirdCore
import Logging
import NIOEmbedded
import TestSupport
import Testing

@testable import ExporterWeb

/// Tests every route with every method, through the responder of a listener.
@Suite struct RouteTests {
    private static let user = "basic_auth_users: { a: $2y$04$VqFoM6M8NMrZJnNm5GHxP.KB1Wz9ASHnIk4UXsAYaRFc0S/O1Eqki }"
    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .options]
    private static let healthChecks: Set = ["/-/healthy", "/-/ready"]

    /// The interface as README documents it: path, allowed methods, and status of their response.
    private static let interface: [(path: String, allow: [HTTPRequest.Method], status: Int)] = [
        ("/metrics", [.get, .head], 200), ("/probe", [.get, .head], 400), ("/sd", [.get, .head], 200),
        ("/", [.get, .head], 200), ("/-/healthy", [.get, .head], 200), ("/-/ready", [.get, .head], 200),
        ("/-/reload", [.post], 403), ("/-/sync", [.post], 403),
    ]

    /// Paths without a route: of another letter case, with a trailing slash, a prefix or a suffix of one.
    private static let unknown = ["/nothing", "/Metrics", "/metrics/", "/metric", "/-/", "/-/healthy/", "/sd/x", "*"]

    /// An exporter without accounts, and the responders of its listeners.
    private struct Server {
        let main: ExporterResponder
        let health: ExporterResponder

        func status(_ method: HTTPRequest.Method, _ path: String) async throws -> Int {
            try await RouteTests.response(of: main, method, path).status.code
        }

        /// - Parameter webConfig: content of the web config file; nil for none.
        static func run(
            prefix: String? = nil, webConfig: String? = nil, _ body: (Server) async throws -> Void
        ) async throws {
            try await withTemporaryFolder { folder in
                let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                try await withExporter(
                    ExporterConfiguration(accounts: []), storage: folder + "/data", environment: .init(logger: logger)
                ) { exporter in
                    try webConfig?.write(toFile: folder + "/web.yml", atomically: true, encoding: .utf8)
                    var options = ExporterWebServer.Options(
                        addresses: [], telemetryPath: "/metrics", maximumScrapes: 1000, maximumConnections: 1)
                    options.routes = try WebRoutes(externalURL: nil, routePrefix: prefix)
                    let settings = try WebConfigurationStore(
                        path: webConfig.map { _ in folder + "/web.yml" }, logger: logger)
                    let endpoints = Endpoints(exporter: exporter, options: options, settings: settings)
                    try await body(
                        Server(
                            main: ExporterResponder(
                                routes: [.metrics(at: options.telemetryPath)] + Route.fixed, settings: settings,
                                endpoints: endpoints),
                            health: ExporterResponder(
                                routes: Route.healthChecks,
                                settings: try WebConfigurationStore(path: nil, logger: logger), endpoints: endpoints)))
                }
            }
        }
    }

    private static func response(
        of responder: ExporterResponder, _ method: HTTPRequest.Method, _ path: String
    ) async throws -> Response {
        let head = HTTPRequest(method: method, scheme: "http", authority: "localhost:10061", path: path)
        let context = ExporterRequestContext(channel: NIOAsyncTestingChannel(), transport: .plain, tls: nil)
        return try await responder.respond(to: Request(head: head, body: .init(buffer: .init())), context: context)
    }

    /// Asserts status and `Allow` of each method at a path that has a route.
    private func expectRoute(
        _ path: String, allow: [HTTPRequest.Method], status: Int, at responder: ExporterResponder
    ) async throws {
        for method in Self.methods {
            let response = try await Self.response(of: responder, method, path)
            let isAllowed = allow.contains(method)
            #expect(response.status.code == (isAllowed ? status : 405), "\(method) \(path)")
            let expected = isAllowed ? nil : allow == [.post] ? "POST" : "GET, HEAD"
            #expect(response.headers[.allow] == expected, "\(method) \(path)")
        }
    }

    private func expectNotFound(_ path: String, at responder: ExporterResponder) async throws {
        for method in Self.methods {
            let response = try await Self.response(of: responder, method, path)
            #expect(response.status == .notFound && response.headers[.allow] == nil, "\(method) \(path)")
        }
    }

    @Test("each route responds to its methods, and rejects others with Allow", arguments: [nil, "/genai"])
    func methods(prefix: String?) async throws {
        try await Server.run(prefix: prefix) { server in
            #expect(Set(server.main.routes.map(\.path)) == Set(Self.interface.map(\.path)))
            for (path, allow, status) in Self.interface {
                try await expectRoute((prefix ?? "") + path, allow: allow, status: status, at: server.main)
            }
            for path in Self.unknown { try await expectNotFound((prefix ?? "") + path, at: server.main) }
        }
    }

    @Test("outside the route prefix only the health checks are served, and / is redirected") func outsidePrefix()
        async throws
    {
        try await Server.run(prefix: "/genai") { server in
            for (path, allow, status) in Self.interface where path != "/" {
                if Self.healthChecks.contains(path) {
                    try await expectRoute(path, allow: allow, status: status, at: server.main)
                } else {
                    try await expectNotFound(path, at: server.main)
                }
            }
            for method in Self.methods {
                let response = try await Self.response(of: server.main, method, "/")
                #expect(response.status == .found && response.headers[.location] == "/genai/")
            }
        }
    }

    @Test("the address of health checks serves nothing else", arguments: [nil, "/genai"])
    func healthAddress(prefix: String?) async throws {
        try await Server.run(prefix: prefix, webConfig: Self.user) { server in
            for (path, allow, status) in Self.interface {
                for path in Set([path, (prefix ?? "") + path]) {
                    if Self.healthChecks.contains(where: path.hasSuffix) {
                        try await expectRoute(path, allow: allow, status: status, at: server.health)
                    } else {
                        try await expectNotFound(path, at: server.health)
                    }
                }
            }
        }
    }

    @Test("exactly the health checks need no password", arguments: [nil, "/genai"])
    func passwords(prefix: String?) async throws {
        try await Server.run(prefix: prefix, webConfig: Self.user) { server in
            for path in Self.interface.map(\.path) + Self.unknown {
                for path in Set([path, (prefix ?? "") + path]) {
                    let isFree = Self.healthChecks.contains(where: path.hasSuffix)
                    for method in Self.methods {
                        let status = try await server.status(method, path)
                        #expect((status != 401) == isFree, "\(method) \(path)")
                    }
                }
            }
        }
    }

    @Test("the rate limit is checked before passwords, and applies to all paths but the health checks")
    func rateLimit() async throws {
        try await Server.run(webConfig: Self.user + "\nrate_limit: { interval: 1h, burst: 1 }") { server in
            let first = try await server.status(.get, "/nothing")
            #expect(first == 401)
            for path in Self.interface.map(\.path) + Self.unknown {
                let status = try await server.status(.get, path)
                #expect(status == (Self.healthChecks.contains(path) ? 200 : 429), "\(path)")
            }
        }
    }
}
