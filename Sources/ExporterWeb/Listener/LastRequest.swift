import NIOConcurrencyHelpers
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
