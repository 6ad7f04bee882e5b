import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix
import NIOSSL
import UsageModel

/// A classified error of the network stack: the reason, a message with what to check, and whether a retry may succeed.
struct NetworkFailure: Error {
    let reason: FailureReason
    let message: String
    let outcome: RetryPolicy.Outcome

    /// Classifies an error.
    ///
    /// - Parameters:
    ///   - error: an error thrown by the HTTP client.
    ///   - settings: the timeouts and the size limit that the message contains.
    init(_ error: any Error, settings: UpstreamSettings) {
        switch error {
        case let error as ExchangeError:
            self.init(error, settings: settings)
        case let error as HTTPClientError:
            self.init(error, settings: settings)
        case let error as NIOConnectionError:
            self.init(error, settings: settings)
        case let error as NIOSSLError:
            self.init(error)
        case is NIOSSLExtraError:
            self.init(
                .network,
                "the TLS certificate is for another host than \(settings.baseURL.host): check base_url's host",
                .conclusive)
        case let error as NIOHTTPDecompression.DecompressionError where error == .limit:
            self.init(
                ExchangeError.bodyTooLarge(status: 200, longest: settings.maximumBodyBytes), settings: settings)
        case is NIOHTTPDecompression.DecompressionError, is NIOHTTPDecompression.ExtraDecompressionError:
            self.init(.decode, "the compressed response body is corrupt", .conclusive)
        case HTTPParserError.invalidEOFState, HTTPParserError.closedConnection:
            self.init(.network, Self.broken, .noAnswer)
        case is HTTPParserError:
            self.init(
                .network, "the response is not HTTP: check base_url's scheme and port", .conclusive)
        case let error as IOError:
            self.init(.network, Self.message(of: error), .noAnswer)
        case ChannelError.connectTimeout:
            self.init(HTTPClientError.connectTimeout, settings: settings)
        default:
            self.init(.network, "the connection failed (\(type(of: error)))", .noAnswer)
        }
    }

    private init(_ reason: FailureReason, _ message: String, _ outcome: RetryPolicy.Outcome) {
        self.reason = reason
        self.message = message
        self.outcome = outcome
    }

    private static let broken = "the connection was closed before the response was complete"

    private init(_ error: ExchangeError, settings: UpstreamSettings) {
        switch error {
        case .deadlineExceeded:
            self.init(
                .timeout,
                "no complete response within \(settings.requestTimeout): the API is slow, or timeout is too short",
                .noAnswer)
        case .bodyTooLarge(_, let longest):
            self.init(.decode, "the response exceeds the limit of \(longest) bytes", .conclusive)
        }
    }

    private init(_ error: HTTPClientError, settings: UpstreamSettings) {
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout, .httpProxyHandshakeTimeout, .getConnectionFromPoolTimeout:
            self.init(
                .timeout,
                "no connection within \(settings.connectTimeout): check for a firewall or a proxy in between",
                .noAnswer)
        case .readTimeout:
            self.init(
                .timeout, "no data received for \(settings.readTimeout): the API is slow or hangs", .noAnswer)
        case .deadlineExceeded:
            self.init(ExchangeError.deadlineExceeded, settings: settings)
        case .proxyAuthenticationRequired:
            let words = settings.proxy?.user == nil ? "requires a" : "refuses the"
            self.init(.network, "the proxy \(words) user name and password: check proxy", .conclusive)
        case .invalidProxyResponse:
            let credentials = settings.proxy?.user == nil ? "" : "its user name and password, "
            self.init(
                .network, "the proxy refused to connect: check proxy, \(credentials)and its access rules", .noAnswer)
        case .alreadyShutdown:
            self.init(.network, "the exporter is stopping", .conclusive)
        default:
            self.init(.network, Self.broken, .noAnswer)
        }
    }

    private init(_ error: NIOConnectionError, settings: UpstreamSettings) {
        // One address family may have no records: the name did not resolve only if no address was tried.
        if error.connectionErrors.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil {
            self.init(
                .network, "the host name cannot be resolved (DNS): check base_url's host and the DNS resolver",
                .noAnswer)
        } else if let first = error.connectionErrors.lazy.compactMap({ $0.error as? IOError }).first {
            self.init(.network, Self.message(of: first), .noAnswer)
        } else if error.connectionErrors.contains(where: { ($0.error as? ChannelError) != nil }) {
            self.init(HTTPClientError.connectTimeout, settings: settings)
        } else {
            self.init(.network, "no connection could be established", .noAnswer)
        }
    }

    private init(_ error: NIOSSLError) {
        let detail = String(describing: error)
        if detail.contains("CERTIFICATE_VERIFY_FAILED") || detail.contains("unableToValidateCertificate") {
            self.init(
                .network,
                "the TLS certificate is not trusted: check whether it has expired; set ca_file if its certificate "
                    + "authority is private", .conclusive)
        } else if detail.contains("WRONG_VERSION_NUMBER") || detail.contains("HTTP_REQUEST") {
            self.init(
                .network,
                "the server does not speak TLS on this port: check base_url's port, or use http://", .conclusive)
        } else if case .handshakeFailed = error {
            self.init(.network, "the TLS handshake failed: check base_url's scheme and port", .noAnswer)
        } else {
            self.init(.network, Self.broken, .noAnswer)
        }
    }

    private static func message(of error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "connection refused: check base_url's host and port"
        case ENETUNREACH, EHOSTUNREACH: "the host is unreachable: check the network"
        case ECONNRESET, EPIPE: broken
        default: "the connection failed (errno \(error.errnoCode))"
        }
    }
}
