import ExporterCore
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle
import UsageModel

/// Accepts connections at one address or inherited socket, and serves their requests.
///
/// Hummingbird's own server binds addresses only; this one serves sockets passed by systemd too.
struct HTTPListener: Service {
    let place: ListeningPlace
    let responder: ExporterResponder
    /// Shared by all listeners.
    let connections: ConnectionLimit
    let now: @Sendable () -> Timestamp
    let logger: Logger
    let onListening: @Sendable (BoundPlace) -> Void

    /// Idle time after which a connection is closed. Without it a half-sent request would stay open forever.
    private static let idleTimeout = TimeAmount.seconds(120)
    /// Connections that the kernel queues until they are accepted, limited by net.core.somaxconn.
    private static let backlog: CInt = 1024

    /// Unsent bytes that the kernel buffers for a connection (tcp(7), TCP_NOTSENT_LOWAT). Without this limit a thousand
    /// slow clients exhaust the kernel's memory for all connections of the machine, and stall them.
    private static let unsentInKernel = 128 * 1024

    /// Bytes of a connection that are read at a time, so that a thousand requests in one packet are not parsed while
    /// other connections wait.
    private static let readAtOnce = 4096

    /// Serves until graceful shutdown.
    ///
    /// - Throws: `ListenFailure` if the address cannot be bound.
    func run() async throws {
        let quiescing = ServerQuiescingHelper(group: MultiThreadedEventLoopGroup.singleton)
        let securable = NegotiatingChannel(settings: responder.settings, idleTimeout: Self.idleTimeout) {
            transport, tls, unanswered in
            { request, writer, channel in
                try await serve(
                    request, by: writer, ExporterRequestContext(channel: channel, transport: transport, tls: tls))
                try await unanswered.finishOne(on: channel.eventLoop)
            }
        }
        let server = try await bind(quiescing) { securable.setup(channel: $0, logger: logger) }
        await withGracefulShutdownHandler {
            onListening(BoundPlace(server.channel.localAddress, asked: place))
            await withDiscardingTaskGroup { group in
                do {
                    try await server.executeThenClose { accepted in
                        for try await connection in accepted {
                            let executor =
                                responder.settings.isFixed ? ConnectionExecutor(connection.channel.eventLoop) : nil
                            group.addTask(executorPreference: executor) {
                                await securable.handle(value: connection, logger: logger)
                            }
                        }
                    }
                } catch is CancellationError {
                    // Another listener failed and reports the error.
                } catch {
                    logger.error("listener failed, no more connections are accepted", metadata: ["error": "\(error)"])
                }
            }
        } onGracefulShutdown: {
            quiescing.initiateShutdown(promise: nil)
        }
    }

    private func bind(
        _ quiescing: ServerQuiescingHelper,
        setup: @escaping @Sendable (any Channel) -> EventLoopFuture<NegotiatingChannel.Value>
    ) async throws -> NIOAsyncChannel<NegotiatingChannel.Value, Never> {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        quiescing.makeServerChannelHandler(channel: channel))
                    try channel.pipeline.syncOperations.addHandler(ConnectionAdmission(connections))
                }
            }
            // One per read, because the connection limit is checked for each connection.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readAtOnce))
            .childChannelOption(.allowRemoteHalfClosure, value: true)
        if place.isTCP {
            _ =
                bootstrap
                .childChannelOption(
                    .tcpOption(NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT)), value: Self.unsentInKernel
                )
                // Nagle's algorithm would delay a response's last bytes by 40 ms, until earlier ones are acknowledged.
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        }
        switch place {
        case .socket(let socket):
            return try await bootstrap.bind(socket, childChannelInitializer: setup)
        case .address(let address):
            do {
                let bootstrap = bootstrap.serverChannelOption(.backlog, value: Self.backlog)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                if let zoned = try address.zonedSocketAddress() {
                    return try await bootstrap.bind(to: zoned, childChannelInitializer: setup)
                }
                return try await bootstrap.bind(
                    host: address.bindHost, port: address.port, childChannelInitializer: setup)
            } catch let error as IOError {
                throw ListenFailure(address: address, code: error.errnoCode)
            } catch is SocketAddressError.UnknownHost {
                throw ListenFailure(address: address, code: nil)
            } catch is SocketAddressError {
                throw ListenFailure(address: address, code: EADDRNOTAVAIL)
            }
        }
    }

    private func serve(
        _ request: Request, by writer: consuming ResponseWriter, _ context: ExporterRequestContext
    ) async throws {
        let channel = context.channel
        let giveUp = channel.eventLoop.scheduleTask(in: AnswerTime(headers: request.headers).limit) {
            channel.close(promise: nil)
        }
        defer { giveUp.cancel() }
        var body = request.body.makeAsyncIterator()
        let isBodyTooLong = try await RequestBody.isTooLong(request.headers, &body)
        let connection = context.connection
        connections.begin(connection)
        defer { connections.end(connection) }
        var response = await response(to: request, context, isBodyTooLong)
        // A client would read a body as its next response (RFC 9110, section 9.3.2).
        if request.method == .head {
            let length = response.headers[.contentLength]
            response.body = ResponseBody()
            // Setting the body has changed it; HEAD reports the length of GET's body.
            response.headers[.contentLength] = length
        }
        response.headers[.date] = HTTPDate.text(now())
        let endsHTTP2 = context.transport == .http2 && response.headers[.connection] == "close"
        if context.transport == .http2 {
            // HTTP/2 has no `Connection` field.
            response.headers[.connection] = nil
        } else if isBodyTooLong || request.headers[.connection] == "close" {
            response.headers[.connection] = "close"
        }
        try await writer.write(response: response.head, body: response.body)
        if endsHTTP2 { connection.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        guard isBodyTooLong || response.headers[.connection] == "close" else { return }
        // No further request is read. The connection is not closed at once, because a client that reads slowly would
        // lose the rest of its response, and one that is still writing, and does not read meanwhile, all of it. (HTTP/2
        // does not have this event, and flushes by itself.)
        try? await channel.triggerUserOutboundEvent(FlushBarrier.Awaited())
        let end = channel.eventLoop.scheduleTask(in: .init(RequestBody.lingering)) { channel.close(promise: nil) }
        while try await body.next() != nil {}
        end.cancel()
        channel.close(promise: nil)
    }

    private func response(
        to request: Request, _ context: ExporterRequestContext, _ isBodyTooLong: Bool
    ) async -> Response {
        if isBodyTooLong {
            return .text("Request body too large: no endpoint needs one.\n", status: .contentTooLarge)
        }
        do {
            return try await responder.respond(to: request, context: context)
        } catch {
            logger.error("request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return .text("Internal error: see the exporter's log.\n", status: .internalServerError)
        }
    }
}

/// Runs the tasks of a connection on its event loop, so that a scrape never switches threads. Blocking work must run
/// elsewhere.
///
/// It is not used with a web config file, because its files, perhaps on a slow disk, are checked at each request, and
/// because encrypting a long response would delay other connections.
final class ConnectionExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Time limits of responses and of scrapes in flight.
struct AnswerTime {
    /// Maximum time for which a scrape counts as in flight. The bytes are already rendered, so that only a slow client
    /// takes longer, and a thousand slow clients must not block other scrapes.
    static let counting = TimeAmount.milliseconds(250)
    /// Limit of a response if the client sends no timeout.
    static let longest = TimeAmount.seconds(120)

    /// Time after which the connection is closed, because the client no longer waits for the response.
    let limit: TimeAmount

    /// - Parameter headers: a request's headers, in one of which Prometheus sends its scrape timeout.
    init(headers: HTTPFields) {
        self.init(scrapeTimeout: HTTPField.Name.scrapeTimeout.flatMap { headers[$0] })
    }

    /// - Parameter scrapeTimeout: seconds, as in the header `X-Prometheus-Scrape-Timeout-Seconds`.
    init(scrapeTimeout: String?) {
        let seconds = scrapeTimeout.flatMap { Double($0) }.flatMap { $0 > 0 && $0 < 3600 ? $0 : nil }
        limit = seconds.map { .milliseconds(Int64(saturating: $0 * 1000)) } ?? Self.longest
    }
}

extension HTTPField.Name {
    fileprivate static let scrapeTimeout = HTTPField.Name("X-Prometheus-Scrape-Timeout-Seconds")
}
