import ExporterCore
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers
import UsageModel

/// `/-/reload` and `/-/sync`: what an operator may tell a running exporter, where `--web.enable-lifecycle` allows it.
struct LifecycleEndpoints: Sendable {
    static let reloadPath = "/-/reload"
    static let syncPath = "/-/sync"

    let exporter: Exporter
    /// Whether they are open.
    let isEnabled: Bool
    /// Where clients reach this server beyond a proxy; nil where that is not known.
    let externalAuthority: String?
    /// Shared by all listeners.
    let forced: ForcedSyncs
    /// Reads the config file again and takes it over; nil where there is none.
    let reload: (@Sendable () async throws -> Void)?

    /// Answers a request to one of the two paths.
    func respond(to request: Request) async -> Response {
        guard request.method == .post else { return .methodNotAllowed(allow: "POST") }
        guard isEnabled else {
            return .text("Closed: start the exporter with --web.enable-lifecycle to open it.\n", status: .forbidden)
        }
        guard !CrossSiteRequest.isCrossSite(request.head, external: externalAuthority) else {
            return .text(
                "Cross-site requests are refused: send it from no page or from this server's.\n", status: .forbidden)
        }
        guard request.uri.path.hasSuffix(Self.syncPath) else {
            guard let reload else { return .text("There is no config file to read again.\n", status: .notFound) }
            do {
                try await reload()
                return .text("Reloaded.\n")
            } catch {
                return .text("The running config stays: \(error)\n", status: .internalServerError)
            }
        }
        let query = QueryParameters(request.uri.query)
        guard query.names(except: ["account", "from", "to"]).isEmpty else {
            return .text("Unknown parameter: /-/sync takes account, from and to.\n", status: .badRequest)
        }
        let accounts = query.values(of: "account")
        guard accounts.count <= 1 else {
            return .text("Give one account, or none for all.\n", status: .badRequest)
        }
        let (from, to) = (query.values(of: "from"), query.values(of: "to"))
        var days: ClosedRange<UTCDay>?
        if !from.isEmpty || !to.isEmpty {
            guard !accounts.isEmpty else {
                return .text("Dates need an account: /-/sync?account=NAME&from=DATE&to=DATE.\n", status: .badRequest)
            }
            guard from.count == 1, to.count == 1, let first = UTCDay(from[0]), let last = UTCDay(to[0]), first <= last
            else {
                return .text(
                    "Give from and to once each, as UTC dates like 2026-11-01, from no later than to.\n",
                    status: .badRequest)
            }
            days = first...last
        }
        let names = await exporter.accountPlaces.map(\.name).filter { accounts.isEmpty || $0 == accounts[0] }
        if let wait = forced.wait(for: names, at: exporter.now) {
            var response = Response.text(
                "An account is synced by request at most every \(ForcedSyncs.interval.components.seconds) s.\n",
                status: .tooManyRequests)
            response.headers[.retryAfter] = "\(max(1, Int(wait.inSeconds.rounded(.up))))"
            return response
        }
        if let account = accounts.first, let days { return await sync(account, days) }
        guard let waiting = await exporter.syncSoon(account: accounts.first) else {
            return .text("There is no such account in the config; /sd lists them.\n", status: .notFound)
        }
        forced.note(names, at: exporter.now)
        return .text(
            waiting == 0
                ? "Syncing.\n"
                : "Syncing, but for sources whose last sync failed: \(waiting) wait out their back-off.\n",
            status: .accepted)
    }

    /// Reads days of one account again.
    private func sync(_ account: String, _ days: ClosedRange<UTCDay>) async -> Response {
        do {
            switch try await exporter.sync(account: account, days: days) {
            case .accepted:
                forced.note([account], at: exporter.now)
                return .text(
                    "\(days.lowerBound) to \(days.upperBound) will be read by the next sync, which comes now unless the "
                        + "last one failed.\n", status: .accepted)
            case .unknownAccount:
                return .text("There is no such account in the config; /sd lists them.\n", status: .notFound)
            case .daysNotKept:
                return .text(
                    "No source of this account can read these days again: they are before the ledger's start or in the "
                        + "future, the provider no longer serves them, or it cannot be asked by date.\n",
                    status: .conflict)
            }
        } catch {
            return .text("The ledger cannot be read: \(error)\n", status: .internalServerError)
        }
    }
}

/// When each account was last synced by request, all listeners together.
final class ForcedSyncs: Sendable {
    /// The shortest time between two of an account: a sync of all sources takes some requests of each provider, whose
    /// limits are by the minute.
    static let interval = Duration.seconds(10)

    private let last = NIOLockedValueBox<[String: Timestamp]>([:])

    /// How long to wait until all of these accounts may be synced; nil where they may now.
    func wait(for accounts: [String], at now: Timestamp) -> Duration? {
        let ages = last.withLockedValue { last in accounts.compactMap { last[$0] }.map { now - $0 } }
        // A clock that was set back must not close it for longer.
        return ages.filter { $0 >= .zero && $0 < Self.interval }.min().map { Self.interval - $0 }
    }

    /// Notes that accounts are synced now.
    func note(_ accounts: [String], at now: Timestamp) {
        last.withLockedValue { last in
            last = last.filter { now - $0.value < Self.interval }
            for account in accounts { last[account] = now }
        }
    }
}

/// Whether a browser sent a request for a page of another site: such a page needs no permission to send a form, and the
/// browser adds credentials that it remembers.
enum CrossSiteRequest {
    /// Requests without `Sec-Fetch-Site` and `Origin` come from programs, and are none.
    ///
    /// - Parameter external: where clients reach this server beyond a proxy, which may change the request's `Host`; nil
    ///   where that is not known.
    static func isCrossSite(_ request: HTTPRequest, external: String?) -> Bool {
        if let site = HTTPField.Name.site.flatMap({ request.headerFields[$0] }),
            !["same-origin", "none"].contains(site)
        {
            return true
        }
        guard let origin = request.headerFields[.origin] else { return false }
        // Any name can be made to lead here (DNS rebinding): where this server's own is known, no other is its own.
        return !isOwn(origin, authority: external ?? request.authority)
    }

    /// Whether an origin (`scheme://host[:port]`, RFC 6454) is where the request went to. A proxy may have ended TLS, so
    /// that the scheme is not compared.
    private static func isOwn(_ origin: String, authority: String?) -> Bool {
        for (scheme, port) in [("http://", ":80"), ("https://", ":443")] {
            guard let authority, origin.lowercased().hasPrefix(scheme) else { continue }
            let hosts = [String(origin.dropFirst(scheme.count)), authority].map { host in
                host.lowercased().hasSuffix(port) ? String(host.lowercased().dropLast(port.count)) : host.lowercased()
            }
            return hosts[0] == hosts[1]
        }
        // "null" of a sandboxed page, or of a file.
        return false
    }
}

extension HTTPField.Name {
    fileprivate static let site = HTTPField.Name("Sec-Fetch-Site")
}
