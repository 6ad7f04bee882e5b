import NIOCore
import NIOHTTP1

/// Says `Connection: close` of every request after which its client expects the connection to end, and refuses requests
/// of HTTP/1.1 that do not name their host once (RFC 9112, section 3.2).
///
/// What comes after it in the pipeline knows that one spelling, and not the version: with HTTP/1.0 a connection ends with
/// its answer (RFC 9112, section 9.3). It keeps one `Host` of several, too.
final class LastRequest: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// A request was refused: nothing more is read from the connection.
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        guard case .head(var head) = unwrapInboundIn(data) else {
            context.fireChannelRead(data)
            return
        }
        let isOld = head.version.major < 1 || (head.version.major == 1 && head.version.minor == 0)
        let hosts = head.headers[canonicalForm: "host"].count
        guard hosts == 1 || (isOld && hosts == 0) else {
            isOver = true
            context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
            return
        }
        let options = head.headers[canonicalForm: "connection"].map { $0.lowercased() }
        if isOld || options.contains("close") {
            head.headers.replaceOrAdd(name: "connection", value: "close")
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
