import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import TestSupport
import Testing

/// Tests an API whose valid certificate is for another name.
@Suite(.timeLimit(.minutes(1))) struct WrongNameTests {
    /// Counts bytes received over TLS.
    private final class Heard: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let bytes = NIOLockedValueBox(0)

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let count = unwrapInboundIn(data).readableBytes
            bytes.withLockedValue { $0 += count }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    @Test("no request is sent to a host that its certificate does not name") func wrongName() async throws {
        try await withTemporaryFolder { folder in
            try SelfSignedCertificate(folder: folder).renew("api.example.com")
            let heard = Heard()
            let server = try await listen(folder: folder, heard)
            let port = try #require(server.localAddress?.port)
            let file = folder + "/config.yml"
            try ProviderAccountsConfig.text(
                baseURL: "https://127.0.0.1:\(port)", options: ["ca_file: \(folder)/server.crt"]
            ).write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await ExporterProcess.run(
                ["once", "--config.file", file, "--storage.path", folder + "/data"])
            #expect(outcome.status == 1)
            let scrape = try Scrape(Array(outcome.output.utf8))
            let failed = outcome.errors.split(separator: "\n").filter { $0.contains("sync failed") }
            for provider in TestedProvider.all {
                let labels = ["account": "\(provider)", "source": provider.usageSource]
                #expect(scrape.value("genai_up", labels) == 0)
                #expect(scrape.value("genai_syncs_total", labels.merging(["result": "network"]) { $1 }) == 1)
                let line = try #require(
                    failed.first {
                        $0.contains("account=\(provider) ") && $0.contains("source=\(provider.usageSource)")
                    })
                #expect(line.contains("reason=network"))
                #expect(line.contains("the TLS certificate is for another host than 127.0.0.1"))
            }
            #expect(failed.count == scrape.samples("genai_up").count)
            #expect(failed.allSatisfy { $0.utf8.count < 500 })
            #expect(heard.bytes.withLockedValue { $0 } == 0)
            try await server.close()
        }
    }

    private func listen(folder: String, _ heard: Heard) async throws -> any Channel {
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile(folder + "/server.crt").map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(file: folder + "/server.key", format: .pem))))
        return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), heard])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }
}
