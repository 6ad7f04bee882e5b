import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOHTTPTypesHTTP1
import NIOSSL
import NIOTLS
import SwiftASN1
import X509

/// A client's connection, with the TLS settings of the web config that is active when it is accepted, and with HTTP/2
/// if both sides support it.
struct NegotiatingChannel: ServerChildChannel {
    /// The channel that serves the negotiated protocol.
    enum Dialogue: Sendable {
        case http1(HTTP1Channel, HTTP1Channel.Value)
        case http2(HTTP2Channel, HTTP2Channel.Value)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Known once the handshake is over.
        let dialogue: EventLoopFuture<Dialogue>
    }

    /// Creates the responder of a connection, given the TLS settings of its handshake.
    typealias Responding = @Sendable (Transport, ServerTLS?, UnansweredRequests) -> HTTPChannelHandler.Responder

    private let settings: WebConfigurationStore
    private let configuration: HTTP1Channel.Configuration
    private let http2Configuration: HTTP2ChannelConfiguration
    private let responder: Responding

    /// Time from accept to the end of the TLS handshake, during which no idle timeout applies.
    private static let handshakeTimeout = TimeAmount.seconds(10)

    /// - Parameter idleTimeout: idle time after which a connection is closed.
    init(settings: WebConfigurationStore, idleTimeout: TimeAmount, responder: @escaping Responding) {
        self.settings = settings
        self.responder = responder
        configuration = HTTP1Channel.Configuration(
            idleTimeout: idleTimeout, httpDecoderConfiguration: RequestHead.limits)
        http2Configuration = HTTP2ChannelConfiguration(
            idleTimeout: .nanoseconds(idleTimeout.nanoseconds), streamConfiguration: configuration)
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        do {
            // Before all others, because it closes a connection in any phase.
            try channel.pipeline.syncOperations.addHandler(FlushBarrier(), position: .first)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        guard let tls = settings.current.tls else {
            return setupHTTP1(.plain, nil, channel, logger).map { dialogue in
                Value(channel: channel, dialogue: channel.eventLoop.makeSucceededFuture(dialogue))
            }
        }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(PlainTextResponse())
            try tls.addHandlers(to: channel.pipeline.syncOperations)
            let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Dialogue> { result in
                if case .negotiated("h2") = result {
                    let http2 = HTTP2Channel(
                        responder: responder(.http2, tls, UnansweredRequests()), configuration: http2Configuration)
                    return http2.setup(channel: channel, logger: logger).map { .http2(http2, $0) }
                }
                return setupHTTP1(.tls, tls, channel, logger)
            }
            try channel.pipeline.syncOperations.addHandler(negotiation)
            let deadline = channel.eventLoop.scheduleTask(in: Self.handshakeTimeout) { channel.closeAtOnce() }
            negotiation.protocolNegotiationResult.whenComplete { _ in deadline.cancel() }
            return Value(channel: channel, dialogue: negotiation.protocolNegotiationResult)
        }
    }

    private func setupHTTP1(
        _ transport: Transport, _ tls: ServerTLS?, _ channel: any Channel, _ logger: Logger
    ) -> EventLoopFuture<Dialogue> {
        let unanswered = UnansweredRequests()
        let http1 = HTTP1Channel(responder: responder(transport, tls, unanswered), configuration: configuration)
        return http1.setup(channel: channel, logger: logger).flatMapThrowing { connection in
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(ConnectionCloseNormalizer(unanswered), position: .before(codec))
            return .http1(http1, connection)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.dialogue.get() {
            case .http1(let http1, let connection): await http1.handle(value: connection, logger: logger)
            case .http2(let http2, let connection): await http2.handle(value: connection, logger: logger)
            }
        } catch {
            // TLS has sent an alert and closed the connection.
            logger.debug("TLS handshake failed", metadata: ["reason": "\(error)"])
        }
    }
}

/// The protocol of a connection.
enum Transport: Sendable {
    case plain
    case tls
    /// Always over TLS.
    case http2
}

/// The context of a request: the connection on which it arrived.
struct ExporterRequestContext: Sendable {
    /// The connection, or the stream of an HTTP/2 connection.
    let channel: any Channel
    let transport: Transport
    /// The TLS settings of the connection's handshake; nil for plain HTTP.
    let tls: ServerTLS?

    /// The connection; for an HTTP/2 stream its parent channel.
    var connection: any Channel { transport == .http2 ? channel.parent ?? channel : channel }
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

/// Admits a client only if its certificate has an allowed subject alternative name (`client_allowed_sans`).
final class ClientSANFilter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let allowed: Set<String>

    init(allowed: Set<String>) {
        self.allowed = allowed
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent, !isAllowed(context) {
            context.close(promise: nil)
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func isAllowed(_ context: ChannelHandlerContext) -> Bool {
        // Without a certificate there is no name to check: the client policy decides whether one is required.
        guard let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self),
            let presented = handler.peerCertificate
        else { return true }
        guard let bytes = try? presented.toDERBytes(), let certificate = try? Certificate(derEncoded: bytes),
            let names = try? certificate.extensions.subjectAlternativeNames
        else { return false }
        return names.contains { name in
            switch name {
            case .dnsName(let text), .rfc822Name(let text), .uniformResourceIdentifier(let text):
                allowed.contains(text)
            case .ipAddress(let address): Self.text(of: address).map(allowed.contains) ?? false
            default: false
            }
        }
    }

    /// Formats an address, which the name contains as bytes.
    private static func text(of address: ASN1OctetString) -> String? {
        var buffer = ByteBuffer(bytes: address.bytes)
        return
            (try? SocketAddress(packedIPAddress: buffer.readSlice(length: address.bytes.count) ?? ByteBuffer(), port: 0))?
            .ipAddress
    }
}
