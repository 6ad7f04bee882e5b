import NIOCore
import NIOHTTP1

/// Says `Connection: close` of every request after which its client expects the connection to end.
///
/// What comes after it in the pipeline knows that one spelling, and not the version: with HTTP/1.0 a connection ends with
/// its answer (RFC 9112, section 9.3).
final class LastRequest: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else {
            context.fireChannelRead(data)
            return
        }
        let options = head.headers[canonicalForm: "connection"].map { $0.lowercased() }
        if head.version.major < 1 || (head.version.major == 1 && head.version.minor == 0) || options.contains("close") {
            head.headers.replaceOrAdd(name: "connection", value: "close")
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
