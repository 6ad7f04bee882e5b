import NIOCore

/// Tells when everything written to a connection so far has gone to the kernel: closing it any earlier throws the rest away.
///
/// It stands first in the pipeline, behind TLS: what passes it goes to the socket.
final class SentBytes: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// The outbound event whose promise is kept when all that was written before it has gone.
    struct Awaited: Sendable {}

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Awaited else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        // Writes keep their promises in order, the one of no bytes too.
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: promise)
    }
}

extension Channel {
    /// Closes a connection without waiting for what TLS or HTTP still has to say to the client, which may never read it.
    func closeAtOnce() {
        eventLoop.execute {
            guard let socket = try? self.pipeline.syncOperations.context(handlerType: SentBytes.self) else {
                self.close(promise: nil)
                return
            }
            socket.close(promise: nil)
        }
    }
}
