import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOHTTPTypesHTTP1
import NIOTLS

/// One client's connection: over TLS where the web config in force says so, with the certificates of that moment, and
/// with HTTP/2 where both sides speak it.
struct SecurableChannel: ServerChildChannel {
    /// What a connection speaks.
    enum Dialogue: Sendable {
        case plain(HTTP1Channel.Value)
        case http1(HTTP1Channel.Value)
        case http2(HTTP2Channel.Value)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Known once the handshake is over.
        let dialogue: EventLoopFuture<Dialogue>
    }

    let plain: HTTP1Channel
    let http1: HTTP1Channel
    let http2: HTTP2Channel
    let settings: WebConfigurationStore

    /// - Parameter idleTimeout: connections that say nothing for so long are closed.
    init(
        settings: WebConfigurationStore, idleTimeout: TimeAmount,
        responder: (Transport) -> HTTPChannelHandler.Responder
    ) {
        self.settings = settings
        let configuration = HTTP1Channel.Configuration(
            idleTimeout: idleTimeout, httpDecoderConfiguration: RequestHead.limits)
        plain = HTTP1Channel(responder: responder(.plain), configuration: configuration)
        http1 = HTTP1Channel(responder: responder(.tls), configuration: configuration)
        http2 = HTTP2Channel(
            responder: responder(.http2),
            configuration: HTTP2ChannelConfiguration(
                idleTimeout: .nanoseconds(idleTimeout.nanoseconds), streamConfiguration: configuration))
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        guard let tls = settings.current.tls else {
            return Self.setup(plain, channel, logger).map { connection in
                Value(channel: channel, dialogue: channel.eventLoop.makeSucceededFuture(.plain(connection)))
            }
        }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(PlainTextAnswer())
            try tls.addHandlers(to: channel.pipeline.syncOperations)
            let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Dialogue> { result in
                if case .negotiated("h2") = result {
                    return http2.setup(channel: channel, logger: logger).map { .http2($0) }
                }
                return Self.setup(http1, channel, logger).map { .http1($0) }
            }
            try channel.pipeline.syncOperations.addHandler(negotiation)
            return Value(channel: channel, dialogue: negotiation.protocolNegotiationResult)
        }
    }

    private static func setup(
        _ http1: HTTP1Channel, _ channel: any Channel, _ logger: Logger
    ) -> EventLoopFuture<HTTP1Channel.Value> {
        http1.setup(channel: channel, logger: logger).flatMapThrowing { connection in
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(LastRequest(), position: .before(codec))
            try pipeline.addHandler(SentBytes(), position: .first)
            return connection
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.dialogue.get() {
            case .plain(let connection): await plain.handle(value: connection, logger: logger)
            case .http1(let connection): await http1.handle(value: connection, logger: logger)
            case .http2(let connection): await http2.handle(value: connection, logger: logger)
            }
        } catch {
            // The handshake failed: the client was told by an alert, and the connection is closed.
            logger.debug("no TLS with a client", metadata: ["reason": "\(error)"])
        }
    }
}
