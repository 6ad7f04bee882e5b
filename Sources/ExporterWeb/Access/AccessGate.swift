import Foundation
import HTTPTypes
import Hummingbird
import UsageModel

/// Applies the web config to a request: TLS of its connection, then rate limit, then authentication, then response
/// headers.
struct AccessGate: Sendable {
    let settings: WebConfigurationStore

    /// Returns what `inner` returns to a client that is admitted, else a rejection.
    func respond(
        to request: Request, context: ExporterRequestContext, access: Route.Access,
        _ inner: () async throws -> Response
    ) async throws -> Response {
        let current = settings.current
        var response =
            if let rejection = await rejection(of: request, context: context, access: access, current) {
                rejection
            } else {
                try await inner()
            }
        for header in current.configuration.headers {
            if let name = HTTPField.Name(header.name) { response.headers[name] = header.value }
        }
        return response
    }

    private func rejection(
        of request: Request, context: ExporterRequestContext, access: Route.Access, _ current: ActiveWebConfiguration
    ) async -> Response? {
        if let tls = current.tls {
            // The connection was accepted before TLS was enabled, and is not encrypted.
            guard let earlier = context.tls else { return .reconnect("This server speaks TLS now: connect again.\n") }
            if tls.mayRefuse(clientsOf: earlier) {
                return .reconnect("This server checks client certificates differently now: connect again.\n")
            }
        }
        guard access == .authorized else { return nil }
        guard current.allowsRequest() else {
            var response = Response.text(
                "Too many requests: see rate_limit in the web config.\n", status: .tooManyRequests)
            let interval = current.configuration.rateLimit?.interval ?? .seconds(1)
            response.headers[.retryAfter] = "\(max(1, Int(saturating: interval.inSeconds.rounded(.up))))"
            return response
        }
        let users = current.configuration.users
        guard !users.isEmpty else { return nil }
        guard let (user, password) = BasicCredentials.read(request.headers[.authorization]) else {
            return .unauthorized
        }
        switch await settings.passwords.isRight(user: user, password: password, users: users) {
        case true?: return nil
        case false?: return .unauthorized
        case nil: return .text("Too many pending password checks.\n", status: .tooManyRequests)
        }
    }
}

/// `Authorization: Basic …` (RFC 7617).
enum BasicCredentials {
    /// User and password; nil if the header is missing, malformed or of another scheme.
    static func read(_ header: String?) -> (user: String, password: String)? {
        guard let header, header.prefix(6).lowercased() == "basic ",
            let data = Data(base64Encoded: header.dropFirst(6).trimmingCharacters(in: .whitespaces)),
            let text = String(data: data, encoding: .utf8), let colon = text.firstIndex(of: ":")
        else { return nil }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
}

extension Response {
    /// Rejects a request and closes its connection.
    fileprivate static func reconnect(_ reason: String) -> Response {
        var response = text(reason, status: .badRequest)
        response.headers[.connection] = "close"
        return response
    }

    fileprivate static var unauthorized: Response {
        var response = text("Unauthorized\n", status: .unauthorized)
        response.headers[.wwwAuthenticate] = "Basic realm=\"genai_usage_exporter\""
        return response
    }
}

/// A token bucket for rate limiting. The caller passes the time.
struct TokenBucket: Sendable {
    private let limit: WebConfiguration.RateLimit
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant

    /// Creates a full bucket.
    init(_ limit: WebConfiguration.RateLimit, at now: ContinuousClock.Instant) {
        self.limit = limit
        tokens = Double(limit.burst)
        filledAt = now
    }

    /// Takes a token; false if there is none.
    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        if now > filledAt {
            tokens = min(Double(limit.burst), tokens + (now - filledAt) / limit.interval)
            filledAt = now
        }
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
