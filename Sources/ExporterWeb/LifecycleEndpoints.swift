import ExporterCore
import HTTPTypes
import Hummingbird

/// `/-/reload` and `/-/sync`: what an operator may tell a running exporter, where `--web.enable-lifecycle` allows it.
struct LifecycleEndpoints: Sendable {
    static let reloadPath = "/-/reload"
    static let syncPath = "/-/sync"

    let exporter: Exporter
    /// Whether they are open.
    let isEnabled: Bool
    /// Reads the config file again and takes it over; nil where there is none.
    let reload: (@Sendable () async throws -> Void)?

    /// Answers a request to one of the two paths.
    func respond(to request: Request) async -> Response {
        guard request.method == .post else { return .methodNotAllowed(allow: "POST") }
        guard isEnabled else {
            return .text("Closed: start the exporter with --web.enable-lifecycle to open it.\n", status: .forbidden)
        }
        guard request.uri.path == Self.syncPath else {
            guard let reload else { return .text("There is no config file to read again.\n", status: .notFound) }
            do {
                try await reload()
                return .text("Reloaded.\n")
            } catch {
                return .text("The running config stays: \(error)\n", status: .internalServerError)
            }
        }
        let accounts = QueryParameters(request.uri.query).values(of: "account")
        guard accounts.count <= 1 else {
            return .text("Say one account, or none for all.\n", status: .badRequest)
        }
        guard await exporter.syncSoon(account: accounts.first) else {
            return .text("There is no such account in the config; /sd lists them.\n", status: .notFound)
        }
        return .text("Syncing.\n", status: .accepted)
    }
}
