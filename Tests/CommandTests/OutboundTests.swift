import Foundation
import NIOCore
import NIOPosix
import ProviderSimulator
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// Tests that no request makes the exporter connect to anything but a configured upstream.
@Suite struct OutboundTests {
    /// Counts connections.
    private final class Bait: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        static let taken = NIOLockedValueBox<[Int: Int]>([:])
        let port: Int

        init(port: Int) {
            self.port = port
        }

        func channelActive(context: ChannelHandlerContext) {
            Self.taken.withLockedValue { $0[port, default: 0] += 1 }
        }
    }

    @Test("no URL and no header makes the exporter connect to another address") func otherAddresses() async throws {
        let bait = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                let port = channel.parent?.localAddress?.port ?? channel.localAddress?.port ?? 0
                return channel.pipeline.addHandler(Bait(port: port))
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(bait.localAddress?.port)
        let evil = "127.0.0.1:\(port)"
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.enable-lifecycle"], environment: account.environment)
            try await exporter.waitUntilReady()
            let targets = [
                "/probe?target=\(evil)", "/probe?target=http://\(evil)/", "/probe?target=media&target=\(evil)",
                "/probe?target=media&base_url=http://\(evil)", "/probe?target=media&module=http://\(evil)",
                "/probe?target=http%3A%2F%2F127.0.0.1%3A\(port)", "/probe?target=media%00\(evil)",
                "/sd?url=http://\(evil)",
                "/metrics?target=\(evil)", "/metrics?name%5B%5D=http://\(evil)", "/-/sync?account=http://\(evil)",
                "/-/sync?account=media&base_url=http://\(evil)", "/-/reload?config=http://\(evil)/x.yml",
                "/?url=http://\(evil)", "//\(evil)/metrics", "http://\(evil)/metrics", "/..//\(evil)", "*",
            ]
            let headers = [
                "Host: \(evil)", "X-Forwarded-Host: \(evil)", "Forwarded: host=\(evil)", "Referer: http://\(evil)/",
                "Proxy: http://\(evil)", "X-Original-URL: http://\(evil)/", "Destination: http://\(evil)/",
                "Origin: http://\(evil)", "Authorization: Bearer http://\(evil)",
            ]
            let head = "Host: x\r\nConnection: close\r\n"
            var requests: [String] = []
            for target in targets {
                for method in ["GET", "POST"] { requests.append("\(method) \(target) HTTP/1.1\r\n\(head)\r\n") }
            }
            requests.append("CONNECT \(evil) HTTP/1.1\r\n\(head)\r\n")
            for header in headers {
                for path in ["/", "/metrics", "/probe?target=media", "/sd"] {
                    requests.append("GET \(path) HTTP/1.1\r\n\(header)\r\nConnection: close\r\n\r\n")
                }
            }
            for request in requests {
                let connection = try await RawConnection(to: exporter.address)
                try await connection.send(request)
                try await connection.waitForClose()
                #expect(connection.text.hasPrefix("HTTP/1.1 "), "\(request)")
            }
            // Connections that the requests cause would exist by now.
            try await account.server.log.wait(forTotal: account.server.log.total + 2)
            #expect(Bait.taken.withLockedValue { $0[port, default: 0] } == 0)
            // The bait works.
            let connection = try await RawConnection(to: evil)
            while Bait.taken.withLockedValue({ $0[port, default: 0] }) != 1 {
                try await Task.sleep(for: .milliseconds(5))
            }
            try await connection.reset()
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
        try await bait.close()
    }
}
