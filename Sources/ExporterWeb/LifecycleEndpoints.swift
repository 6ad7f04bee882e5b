import ExporterCore
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers
import UsageModel

/// Reload and sync by request, enabled by `--web.enable-lifecycle`.
extension Endpoints {
    /// Reloads the config file.
    func reload(_ request: Request) async -> Response {
        if let rejection = rejection(of: request) { return rejection }
        guard let reload = options.reload else {
            return .text("There is no config file to reload.\n", status: .notFound)
        }
        do {
            try await reload()
            return .text("Reloaded.\n")
        } catch {
            return .text("Failed to reload the config: \(error)\n", status: .internalServerError)
        }
    }

    /// Syncs one account or all of them, or reads days of one account again.
    func sync(_ request: Request) async -> Response {
        if let rejection = rejection(of: request) { return rejection }
        let path = Route.sync.path
        let query = QueryParameters(request.uri.query)
        guard query.names(except: ["account", "from", "to"]).isEmpty else {
            return .text("Unknown parameter: \(path) takes account, from and to.\n", status: .badRequest)
        }
        let accounts = query.values(of: "account")
        guard accounts.count <= 1 else {
            return .text("Give at most one account; without one, all are synced.\n", status: .badRequest)
        }
        let (from, to) = (query.values(of: "from"), query.values(of: "to"))
        var days: ClosedRange<UTCDay>?
        if !from.isEmpty || !to.isEmpty {
            guard !accounts.isEmpty else {
                return .text("Dates need an account: \(path)?account=NAME&from=DATE&to=DATE.\n", status: .badRequest)
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
        if let wait = forcedSyncs.wait(for: names, at: exporter.now) {
            var response = Response.text(
                "An account is synced by request at most every \(ForcedSyncs.interval.components.seconds) s.\n",
                status: .tooManyRequests)
            response.headers[.retryAfter] = "\(max(1, Int(wait.inSeconds.rounded(.up))))"
            return response
        }
        if let account = accounts.first, let days { return await reread(days, of: account) }
        guard let waiting = await exporter.syncSoon(account: accounts.first) else {
            return .unknownAccount
        }
        forcedSyncs.note(names, at: exporter.now)
        return .text(
            waiting == 0
                ? "Syncing.\n"
                : "Syncing, except sources whose last sync failed: \(waiting) wait for the end of their back-off.\n",
            status: .accepted)
    }

    /// The response to a request that is not allowed; nil for others.
    private func rejection(of request: Request) -> Response? {
        guard options.isLifecycleEnabled else {
            return .text("Lifecycle API is not enabled: see --web.enable-lifecycle.\n", status: .forbidden)
        }
        guard !CrossSiteRequest.isCrossSite(request.head, external: options.routes.external?.authority) else {
            return .text("Cross-site requests are rejected.\n", status: .forbidden)
        }
        return nil
    }

    /// Requests that days of one account are read again.
    private func reread(_ days: ClosedRange<UTCDay>, of account: String) async -> Response {
        do {
            switch try await exporter.sync(account: account, days: days) {
            case .accepted:
                forcedSyncs.note([account], at: exporter.now)
                return .text(
                    "\(days.lowerBound) to \(days.upperBound) will be read by the next sync, which starts now unless the "
                        + "last one failed.\n", status: .accepted)
            case .unknownAccount:
                return .unknownAccount
            case .daysNotKept:
                return .text(
                    "No source of this account can read these days again: they are before the ledger's start or in the "
                        + "future, the provider no longer serves them, or it cannot be queried by date.\n",
                    status: .conflict)
            }
        } catch {
            return .text("The ledger cannot be read: \(error)\n", status: .internalServerError)
        }
    }
}

/// Times of the last forced sync of each account, shared by all listeners.
final class ForcedSyncs: Sendable {
    /// Minimum interval between two forced syncs of an account, because each takes several requests of the providers'
    /// limits per minute.
    static let interval = Duration.seconds(10)

    private let last = NIOLockedValueBox<[String: Timestamp]>([:])

    /// Time until all of these accounts may be synced; nil if they may be synced now.
    func wait(for accounts: [String], at now: Timestamp) -> Duration? {
        let ages = last.withLockedValue { last in accounts.compactMap { last[$0] }.map { now - $0 } }
        // A clock that was set back must not extend the wait.
        return ages.filter { $0 >= .zero && $0 < Self.interval }.min().map { Self.interval - $0 }
    }

    /// Records a forced sync of accounts.
    func note(_ accounts: [String], at now: Timestamp) {
        last.withLockedValue { last in
            last = last.filter { now - $0.value < Self.interval }
            for account in accounts { last[account] = now }
        }
    }
}

/// Detection of cross-site requests: a page of another site can make a browser send a form, to which the browser adds
/// stored credentials.
enum CrossSiteRequest {
    /// Whether a request is cross-site. Requests without `Sec-Fetch-Site` and `Origin` do not come from browsers.
    ///
    /// - Parameter external: host and port of the external URL, because a proxy may change the request's `Host`; nil if
    ///   it is not configured.
    static func isCrossSite(_ request: HTTPRequest, external: String?) -> Bool {
        if let site = HTTPField.Name.site.flatMap({ request.headerFields[$0] }),
            !["same-origin", "none"].contains(site)
        {
            return true
        }
        guard let origin = request.headerFields[.origin] else { return false }
        // A configured external name is the only own one, because DNS rebinding can point any name here.
        return !isOwn(origin, authority: external ?? request.authority)
    }

    /// Whether an origin (`scheme://host[:port]`, RFC 6454) is the request's target. The scheme is not compared,
    /// because a proxy may terminate TLS.
    private static func isOwn(_ origin: String, authority: String?) -> Bool {
        for (scheme, port) in [("http://", ":80"), ("https://", ":443")] {
            guard let authority, origin.lowercased().hasPrefix(scheme) else { continue }
            let hosts = [String(origin.dropFirst(scheme.count)), authority].map { host in
                host.lowercased().hasSuffix(port) ? String(host.lowercased().dropLast(port.count)) : host.lowercased()
            }
            return hosts[0] == hosts[1]
        }
        // "null" is the origin of a sandboxed page or a file.
        return false
    }
}

extension HTTPField.Name {
    fileprivate static let site = HTTPField.Name("Sec-Fetch-Site")
}
