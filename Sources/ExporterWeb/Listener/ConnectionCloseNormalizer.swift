import HTTPTypes
import HummingbirdCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// Says `Connection: close` of every request after which its client expects the connection to end, and refuses requests
/// of HTTP/1.1 that do not name their host once (RFC 9112, section 3.2).
///
/// What comes after it in the pipeline knows that one spelling, and not the version: with HTTP/1.0 a connection ends with
/// its answer (RFC 9112, section 9.3). It keeps one `Host` of several, too.
final class ConnectionCloseNormalizer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let unanswered: UnansweredRequests
    /// A request was refused: nothing more is read from the connection.
    private var isOver = false

    /// - Parameter unanswered: counts the requests that pass.
    init(_ unanswered: UnansweredRequests) {
        self.unanswered = unanswered
    }

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
        unanswered.add()
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}

/// Requests of one connection that were parsed and are not answered: more than one where its client does not wait for
/// responses (pipelining). Of an HTTP/2 connection none is counted, as its streams take turns by themselves.
final class UnansweredRequests: Sendable {
    /// Long enough that the event loop looks for what other connections sent before it continues.
    private static let pause = TimeAmount.microseconds(100)

    private let count = NIOLockedValueBox(0)

    /// A request was parsed.
    func add() {
        count.withLockedValue { $0 += 1 }
    }

    /// A request was answered: where the next is already there, lets other connections go first.
    ///
    /// An event loop reads from no socket as long as tasks that run on it leave others behind, as one response after
    /// another does.
    func finishOne(on eventLoop: any EventLoop) async throws {
        let hasMore = count.withLockedValue { count in
            count = max(0, count - 1)
            return count > 0
        }
        if hasMore { try await eventLoop.scheduleTask(in: Self.pause) {}.futureResult.get() }
    }
}

/// How long the head of a request may be; a longer one is answered with 400, and the connection closed.
enum RequestHead {
    /// Browsers send up to a few kilobytes; Prometheus a few hundred bytes.
    static let limits = HTTP1Channel.Configuration.DecoderConfiguration(
        maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100)
}

/// What a request brings along beside its head. No request of ours needs a body, so that of others is not waited for.
enum RequestBody {
    /// Bodies up to so many bytes are read over, and the connection goes on.
    static let longest = 64 * 1024

    /// What a client still writes after the last answer of its connection is read over for so long.
    static let lingering = Duration.seconds(1)

    /// Whether it is longer than what is read over; where its length is not told it is read to know that.
    ///
    /// - Throws: `HTTPParserError` where its chunks or its transfer coding are malformed, or another error where the client
    ///   has gone.
    static func isTooLong(
        _ headers: HTTPFields, _ body: inout HummingbirdCore.RequestBody.AsyncIterator
    ) async throws -> Bool {
        if let length = headers[.contentLength] { return (Int(length) ?? .max) > longest }
        guard headers[.transferEncoding] != nil else { return false }
        var count = 0
        while let part = try await body.next() {
            count += part.readableBytes
            if count > longest { return true }
        }
        return false
    }
}

/// Tells when everything written to a connection so far has gone to the kernel: closing it any earlier throws the rest away.
///
/// It stands first in the pipeline, behind TLS: what passes it goes to the socket.
final class FlushBarrier: ChannelOutboundHandler {
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
            guard let socket = try? self.pipeline.syncOperations.context(handlerType: FlushBarrier.self) else {
                self.close(promise: nil)
                return
            }
            socket.close(promise: nil)
        }
    }
}
