import Hummingbird

/// Answers the health checks only, for the listener of `--web.health-address`.
struct HealthResponder: HTTPResponder {
    typealias Context = ExporterRequestContext

    /// The paths of the health checks.
    static let paths: Set<String> = ["/-/healthy", "/-/ready"]

    let inner: ExporterResponder

    func respond(to request: Request, context: Context) async throws -> Response {
        guard inner.routes.local(request.uri.path).map(Self.paths.contains) == true else {
            return .text("Not found. This address answers /-/healthy and /-/ready only.\n", status: .notFound)
        }
        return try await inner.respond(to: request, context: context)
    }
}
