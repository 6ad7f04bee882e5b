import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOConcurrencyHelpers
import Testing

/// A TCP connection that sends arbitrary bytes, and can stop reading.
final class RawConnection: Sendable {
    private final class Inbox: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let received = NIOLockedValueBox(ByteBuffer())
        let opened = NIOLockedValueBox(ContinuousClock.now)
        let closed = NIOLockedValueBox(ContinuousClock.Instant?.none)

        func channelActive(context: ChannelHandlerContext) {
            opened.withLockedValue { $0 = .now }
            context.fireChannelActive()
        }

        func channelInactive(context: ChannelHandlerContext) {
            closed.withLockedValue { $0 = .now }
            context.fireChannelInactive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var part = unwrapInboundIn(data)
            received.withLockedValue { _ = $0.writeBuffer(&part) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    private let channel: any Channel
    private let inbox: Inbox

    /// Connects to `host:port`.
    ///
    /// - Parameters:
    ///   - reads: false for a client with a small receive buffer that does not read once it is connected.
    ///   - isSecure: uses TLS without verifying the server.
    init(to address: String, reads: Bool = true, isSecure: Bool = false) async throws {
        let parts = address.split(separator: ":")
        let inbox = Inbox()
        self.inbox = inbox
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        let tls = try isSecure ? NIOSSLContext(configuration: configuration) : nil
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(inbox)
                }
            }
        if !reads { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: 4096) }
        channel = try await bootstrap.connect(host: String(parts[0]), port: try #require(Int(parts[1]))).get()
        // A TLS handshake needs reads, so that a secure client stops reading after it.
        if !reads, !isSecure { try await stopReading() }
    }

    func stopReading() async throws {
        try await channel.setOption(.autoRead, value: false).get()
    }

    /// Resumes reading.
    func goOnReading() async throws { try await channel.setOption(.autoRead, value: true).get() }

    var isOpen: Bool { channel.isActive }

    var text: String { inbox.received.withLockedValue { String(buffer: $0) } }

    /// Writes bytes and waits until the kernel has accepted them.
    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// Writes a buffer, which may be sent many times, and waits until the kernel has accepted it.
    func send(_ buffer: ByteBuffer) async throws {
        try await channel.writeAndFlush(buffer)
    }

    /// Waits until the other side closes.
    ///
    /// - Returns: lifetime of the connection, measured on the event loop because other tests may delay the test's task.
    @discardableResult func waitForClose() async throws -> Duration {
        try await channel.closeFuture.get()
        let closed = try #require(inbox.closed.withLockedValue { $0 })
        return closed - inbox.opened.withLockedValue { $0 }
    }

    /// Resets the connection, because a TLS shutdown would wait for the other side's.
    func reset() async throws {
        let socket = try #require(channel as? any SocketOptionProvider)
        try? await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        channel.close(promise: nil)
    }
}
