import Hummingbird
import Logging
import NIOCore

/// What a connection speaks.
enum Transport: Sendable {
    case plain
    case tls
    /// Always over TLS here.
    case http2
}

/// What is known of a request beside the request itself: the connection that it came by.
struct ExporterRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, or the stream of an HTTP/2 connection.
    let channel: any Channel
    let transport: Transport
    /// With what the connection's handshake was made; nil for plain HTTP.
    let tls: ServerTLS?

    /// The connection, also of an HTTP/2 stream.
    var connection: any Channel { transport == .http2 ? channel.parent ?? channel : channel }

    init(_ channel: any Channel, _ transport: Transport, tls: ServerTLS?, logger: Logger) {
        self.channel = channel
        self.transport = transport
        self.tls = tls
        coreContext = .init(source: ApplicationRequestContextSource(channel: channel, logger: logger))
    }

    init(source: ApplicationRequestContextSource) {
        self.init(source.channel, .plain, tls: nil, logger: source.logger)
    }
}
