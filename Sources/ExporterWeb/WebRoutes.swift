import Foundation
import Hummingbird
import NIOCore

/// Path prefixes of requests, and of links behind a reverse proxy.
///
/// `--web.external-url` and `--web.route-prefix` work as in Prometheus.
package struct WebRoutes: Sendable, Hashable {
    /// An invalid value of one of the flags.
    package struct Invalid: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The URL that clients use.
    struct External: Sendable, Hashable {
        let scheme: String
        /// `host` or `host:port`.
        let authority: String
        /// Empty, or a path without a trailing slash.
        let path: String
    }

    let external: External?
    /// Prefix of all request paths: empty, or a path without a trailing slash.
    package let prefix: String

    /// No prefix and no external URL.
    package static let root = WebRoutes(external: nil, prefix: "")

    private init(external: External?, prefix: String) {
        self.external = external
        self.prefix = prefix
    }

    /// Reads the two flags.
    ///
    /// - Parameters:
    ///   - externalURL: the URL under which clients reach `/`; nil without a reverse proxy.
    ///   - routePrefix: prefix of request paths; nil for the path of `externalURL`.
    /// - Throws: `Invalid`.
    package init(externalURL: String?, routePrefix: String?) throws(Invalid) {
        let external: External? = if let externalURL { try Self.external(externalURL) } else { nil }
        let prefix = routePrefix.map(Self.trimmed) ?? external?.path ?? ""
        guard Self.isPlain(prefix) else {
            throw Invalid(
                description: "--web.route-prefix must be a path of letters, digits and -._~, such as /genai")
        }
        self.init(external: external, prefix: prefix)
    }

    /// Prefix of links: empty, or a path without a trailing slash.
    var linkPrefix: String { external?.path ?? prefix }

    /// A request's path without the prefix; nil if it does not begin with the prefix.
    ///
    /// Health checks are served at the root too, because an orchestrator's probe does not know the prefix.
    func local(_ path: String) -> String? {
        if prefix.isEmpty || HealthResponder.paths.contains(path) { return path }
        guard path.hasPrefix(prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        return rest.isEmpty ? "/" : rest.hasPrefix("/") ? String(rest) : nil
    }

    private static func external(_ text: String) throws(Invalid) -> External {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = url.host, !host.isEmpty, url.user == nil,
            url.password == nil, url.query == nil, url.fragment == nil, isPlain(trimmed(url.path))
        else {
            throw Invalid(
                description: "--web.external-url must be a URL such as https://example.com/genai, without user, query "
                    + "or fragment")
        }
        return External(
            scheme: scheme, authority: host + (url.port.map { ":\($0)" } ?? ""), path: trimmed(url.path))
    }

    private static func trimmed(_ path: String) -> String {
        let path = path.drop { $0 == "/" }
        let end = path.lastIndex { $0 != "/" }.map { path.index(after: $0) } ?? path.startIndex
        return end == path.startIndex ? "" : "/" + path[..<end]
    }

    /// Whether a path needs neither percent-encoding nor normalization in a URL.
    private static func isPlain(_ path: String) -> Bool {
        path.isEmpty
            || path.wholeMatch(of: #/(/[A-Za-z0-9._~-]+)+/#) != nil
                && !path.split(separator: "/").contains { $0.allSatisfy { $0 == "." } }
    }
}

/// Serves only the health checks, for the listener of `--web.health-address`.
struct HealthResponder: HTTPResponder {
    typealias Context = ExporterRequestContext

    static let paths: Set<String> = ["/-/healthy", "/-/ready"]

    let inner: ExporterResponder

    func respond(to request: Request, context: Context) async throws -> Response {
        guard inner.routes.local(request.uri.path).map(Self.paths.contains) == true else {
            return .text("Not found. This address serves /-/healthy and /-/ready only.\n", status: .notFound)
        }
        return try await inner.respond(to: request, context: context)
    }
}

/// Responds to plain HTTP on a TLS port with status 400, instead of only closing the connection.
final class PlainTextResponse: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The first byte of every TLS record that opens a connection (RFC 8446, section 5.1: handshake).
    private static let handshake = UInt8(22)

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return }
        guard first != Self.handshake else {
            context.fireChannelRead(data)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            return
        }
        let text = "Client sent an HTTP request to an HTTPS server.\n"
        let response = """
            HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
            Content-Length: \(text.utf8.count)\r\n\r\n\(text)
            """
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: response))).whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }
}
