import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix
import NIOSSL
import UsageModel

/// What an error of the network stack means: the reason, plain words with what to check, and whether another attempt
/// may fare better.
struct NetworkFailure: Error {
    let reason: FailureReason
    let message: String
    let outcome: RetryPolicy.Outcome

    /// Reads an error.
    ///
    /// - Parameters:
    ///   - error: what the HTTP client threw.
    ///   - settings: named in the message: how long was waited, how large an answer may be.
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
                "the TLS certificate is for another host than \(settings.baseURL.host): is base_url's host right?",
                .conclusive)
        case let error as NIOHTTPDecompression.DecompressionError where error == .limit:
            self.init(
                ExchangeError.bodyTooLarge(status: 200, longest: settings.maximumBodyBytes), settings: settings)
        case is NIOHTTPDecompression.DecompressionError, is NIOHTTPDecompression.ExtraDecompressionError:
            self.init(.decode, "the answer's compressed body is damaged", .conclusive)
        case HTTPParserError.invalidEOFState, HTTPParserError.closedConnection:
            self.init(.network, Self.broken, .noAnswer)
        case is HTTPParserError:
            self.init(
                .network, "the server's answer is not HTTP: are base_url's scheme and port right?", .conclusive)
        case let error as IOError:
            self.init(.network, Self.message(of: error), .noAnswer)
        case ChannelError.connectTimeout:
            self.init(HTTPClientError.connectTimeout, settings: settings)
        default:
            self.init(.network, "the connection broke (\(type(of: error)))", .noAnswer)
        }
    }

    private init(_ reason: FailureReason, _ message: String, _ outcome: RetryPolicy.Outcome) {
        self.reason = reason
        self.message = message
        self.outcome = outcome
    }

    private static let broken = "the connection broke before the answer was whole"

    private init(_ error: ExchangeError, settings: UpstreamSettings) {
        switch error {
        case .deadlineExceeded:
            self.init(
                .timeout, "no whole answer within \(settings.requestTimeout): is the API slow, or timeout too short?",
                .noAnswer)
        case .bodyTooLarge(_, let longest):
            self.init(
                .decode, "the answer is longer than \(longest) bytes, the most that is read", .conclusive)
        }
    }

    private init(_ error: HTTPClientError, settings: UpstreamSettings) {
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout, .httpProxyHandshakeTimeout, .getConnectionFromPoolTimeout:
            self.init(
                .timeout,
                "no connection within \(settings.connectTimeout): does a firewall or a proxy stand in between?",
                .noAnswer)
        case .readTimeout:
            self.init(
                .timeout, "nothing came for \(settings.readTimeout): the API is slow or hangs", .noAnswer)
        case .deadlineExceeded:
            self.init(ExchangeError.deadlineExceeded, settings: settings)
        case .proxyAuthenticationRequired:
            let words = settings.proxy?.user == nil ? "requires a" : "refuses the"
            self.init(.network, "the proxy \(words) user name and password: check proxy", .conclusive)
        case .invalidProxyResponse:
            let credentials = settings.proxy?.user == nil ? "" : "its user name and password, "
            self.init(
                .network, "the proxy refused to connect: check proxy, \(credentials)and what it allows", .noAnswer)
        case .alreadyShutdown:
            self.init(.network, "the exporter is stopping", .conclusive)
        default:
            self.init(.network, Self.broken, .noAnswer)
        }
    }

    private init(_ error: NIOConnectionError, settings: UpstreamSettings) {
        // One family of addresses may well have none: only where no address was tried did the name not resolve.
        if error.connectionErrors.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil {
            self.init(
                .network, "the host name cannot be resolved (DNS): is it right, and does DNS work here?", .noAnswer)
        } else if let first = error.connectionErrors.lazy.compactMap({ $0.error as? IOError }).first {
            self.init(.network, Self.message(of: first), .noAnswer)
        } else if error.connectionErrors.contains(where: { ($0.error as? ChannelError) != nil }) {
            self.init(HTTPClientError.connectTimeout, settings: settings)
        } else {
            self.init(.network, "no connection could be made", .noAnswer)
        }
    }

    private init(_ error: NIOSSLError) {
        let detail = String(describing: error)
        if detail.contains("CERTIFICATE_VERIFY_FAILED") || detail.contains("unableToValidateCertificate") {
            self.init(
                .network,
                "the TLS certificate is not trusted: has it expired, or does it come from a private authority "
                    + "(then set ca_file)?", .conclusive)
        } else if detail.contains("WRONG_VERSION_NUMBER") || detail.contains("HTTP_REQUEST") {
            self.init(
                .network,
                "the server does not speak TLS on this port: should base_url begin with http://, "
                    + "or is the port wrong?", .conclusive)
        } else if case .handshakeFailed = error {
            self.init(.network, "the TLS handshake failed: are base_url's scheme and port right?", .noAnswer)
        } else {
            self.init(.network, Self.broken, .noAnswer)
        }
    }

    private static func message(of error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "connection refused: does the API listen there, is the port right?"
        case ENETUNREACH, EHOSTUNREACH: "the host cannot be reached: is the network up?"
        case ECONNRESET, EPIPE: broken
        default: "the connection failed (errno \(error.errnoCode))"
        }
    }
}
