import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOConcurrencyHelpers

/// An HTTP/1.1 server on a free loopback port with scripted responses; the last response repeats.
final class LoopbackServer: Sendable {
    private let channel: any Channel
    private let script: Script

    private init(channel: any Channel, script: Script) {
        self.channel = channel
        self.script = script
    }

    var port: Int { channel.localAddress?.port ?? 0 }

    /// `http://127.0.0.1:port`.
    var url: String { "http://127.0.0.1:\(port)" }

    /// The requests so far, in order.
    var requests: [RecordedRequest] { script.requests }

    /// Suspends until the given number of requests has arrived.
    func waitForRequests(_ count: Int) async {
        for await arrived in script.arrivals where arrived >= count { return }
    }

    /// Runs a body with a server.
    static func run<Result>(
        _ responses: [ScriptedResponse], tls: Bool = false, _ body: (LoopbackServer) async throws -> Result
    ) async throws -> Result {
        let script = Script(responses)
        let context = tls ? try TestCertificate.serverContext() : nil
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
                    try channel.pipeline.syncOperations.addHandler(ScriptHandler(script))
                    script.opened(channel)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = LoopbackServer(channel: channel, script: script)
        do {
            let result = try await body(server)
            try await server.stop()
            return result
        } catch {
            try await server.stop()
            throw error
        }
    }

    private func stop() async throws {
        try await channel.close()
        for connection in script.connections { connection.close(promise: nil) }
    }
}

/// The remaining responses and the recorded requests.
private final class Script: Sendable {
    private struct State {
        var responses: [ScriptedResponse]
        var requests: [RecordedRequest] = []
        var connections: [any Channel] = []
    }

    private let state: NIOLockedValueBox<State>
    let arrivals: AsyncStream<Int>
    private let arrival: AsyncStream<Int>.Continuation

    init(_ responses: [ScriptedResponse]) {
        state = NIOLockedValueBox(State(responses: responses))
        (arrivals, arrival) = AsyncStream.makeStream()
    }

    var requests: [RecordedRequest] { state.withLockedValue { $0.requests } }
    var connections: [any Channel] { state.withLockedValue { $0.connections } }

    func opened(_ channel: any Channel) {
        state.withLockedValue { $0.connections.append(channel) }
    }

    func response(to request: RecordedRequest) -> ScriptedResponse {
        let (response, count) = state.withLockedValue { state in
            state.requests.append(request)
            let response = state.responses.count > 1 ? state.responses.removeFirst() : state.responses.first
            return (response ?? .silence, state.requests.count)
        }
        arrival.yield(count)
        return response
    }
}

private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let script: Script
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ script: Script) {
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part):
            body.append(contentsOf: part.readableBytesView)
        case .end:
            guard let head else { return }
            let response = script.response(
                to: RecordedRequest(
                    method: head.method.rawValue, target: head.uri,
                    headers: head.headers.map { (name: $0.name, value: $0.value) }, body: body))
            for step in response.steps { perform(step, on: context.channel) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func perform(_ step: ScriptedResponse.Step, on channel: any Channel) {
        switch step {
        case .send(let bytes):
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        case .sendForever(let bytes):
            Self.repeatForever(ByteBuffer(bytes: bytes), on: channel)
        case .drip(let byte, let pause):
            channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: pause) { task in
                if channel.isActive {
                    channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil)
                } else {
                    task.cancel()
                }
            }
        case .close:
            channel.close(promise: nil)
        }
    }

    /// Writes again after each completed write, at the client's pace.
    private static func repeatForever(_ buffer: ByteBuffer, on channel: any Channel) {
        channel.writeAndFlush(buffer).whenSuccess { repeatForever(buffer, on: channel) }
    }
}
