import HTTPTypes
import HummingbirdCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// Sets `Connection: close` on every request after which the client expects the connection to close, and rejects
/// HTTP/1.1 requests without exactly one `Host` field (RFC 9112, section 3.2).
///
/// Later handlers know only that spelling and not the version, but an HTTP/1.0 connection closes after its response
/// (RFC 9112, section 9.3). They also keep only one of several `Host` fields.
final class ConnectionCloseNormalizer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let unanswered: UnansweredRequests
    /// Whether a request was rejected, after which input is ignored.
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

/// Counts a connection's parsed requests that have no response yet, of which pipelining causes several. HTTP/2 requests
/// are not counted, because streams do not block each other.
final class UnansweredRequests: Sendable {
    /// Long enough for the event loop to poll other connections before it continues.
    private static let pause = TimeAmount.microseconds(100)

    private let count = NIOLockedValueBox(0)

    /// Counts a parsed request.
    func add() {
        count.withLockedValue { $0 += 1 }
    }

    /// Counts a response, and yields to other connections if the next request was already parsed.
    ///
    /// An event loop does not poll its sockets while tasks that it runs enqueue others, as consecutive responses do.
    func finishOne(on eventLoop: any EventLoop) async throws {
        let hasMore = count.withLockedValue { count in
            count = max(0, count - 1)
            return count > 0
        }
        if hasMore { try await eventLoop.scheduleTask(in: Self.pause) {}.futureResult.get() }
    }
}

/// Size limits of request heads. A larger one is rejected with 400, and its connection is closed.
enum RequestHead {
    /// Browsers send up to a few kilobytes; Prometheus a few hundred bytes.
    static let limits = HTTP1Channel.Configuration.DecoderConfiguration(
        maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100)
}

/// Limits of request bodies, which no endpoint needs.
enum RequestBody {
    /// Maximum size in bytes of a body that is discarded; a longer one is rejected, and its connection is closed.
    static let longest = 64 * 1024

    /// Time for which input is discarded after the last response of a connection.
    static let lingering = Duration.seconds(1)

    /// Whether a body is longer than `longest`. A body of undeclared length is read to find out.
    ///
    /// - Throws: `HTTPParserError` if its chunks or its transfer coding are malformed, or another error if the client
    ///   has disconnected.
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

/// Signals when everything written to a connection has reached the kernel, because closing it earlier discards the
/// rest.
///
/// It is first in the pipeline, next to the socket, so that outbound data has passed TLS.
final class FlushBarrier: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Outbound event whose promise succeeds when all earlier writes have reached the kernel.
    struct Awaited: Sendable {}

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Awaited else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        // Writes complete in order, including an empty one.
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: promise)
    }
}

extension Channel {
    /// Closes a connection without waiting for pending TLS or HTTP data, which the client may never read.
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
