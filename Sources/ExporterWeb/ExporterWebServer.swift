import ExporterCore
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP face of the exporter: one server for each address.
public struct ExporterWebServer: Service {
    /// What the web flags say.
    public struct Options: Sendable {
        /// Where to listen.
        public var addresses: [ListenAddress]
        /// The path of the metrics.
        public var telemetryPath: String
        /// Scrapes in flight beyond which more are answered with 503.
        public var maximumScrapes: Int
        /// What `POST /-/reload` does; nil keeps it and `/-/sync` closed.
        public var reload: (@Sendable () async throws -> Void)?

        /// The flags' values.
        public init(addresses: [ListenAddress], telemetryPath: String, maximumScrapes: Int) {
            self.addresses = addresses
            self.telemetryPath = telemetryPath
            self.maximumScrapes = maximumScrapes
        }
    }

    /// Connections that say nothing for so long are closed; without this a half-sent request stays open for ever.
    static let idleTimeout = TimeAmount.seconds(120)

    private let exporter: Exporter
    private let options: Options
    private let logger: Logger
    private let onListening: @Sendable (ListenAddress) -> Void

    /// A web face for an exporter.
    ///
    /// - Parameter onListening: called once for each address with the port that was bound.
    public init(
        _ exporter: Exporter, options: Options, logger: Logger,
        onListening: @escaping @Sendable (ListenAddress) -> Void = { _ in }
    ) {
        self.exporter = exporter
        self.options = options
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: `ListenFailure` where an address cannot be bound.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for address in options.addresses {
                group.addTask {
                    do {
                        try await application(for: address).run()
                    } catch let error as IOError {
                        throw ListenFailure(address: address, code: error.errnoCode)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func application(for address: ListenAddress) -> Application<ExporterResponder> {
        // The server's own log speaks of connections; what it says at info is of use when looking for trouble only.
        var serverLogger = logger
        serverLogger.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: ExporterResponder(
                exporter: exporter,
                metrics: MetricsEndpoint(
                    store: exporter.store, scrapes: exporter.scrapes, maximumInFlight: options.maximumScrapes),
                lifecycle: LifecycleEndpoints(exporter: exporter, reload: options.reload),
                telemetryPath: options.telemetryPath, isTLS: false),
            server: .http1(configuration: .init(idleTimeout: Self.idleTimeout)),
            configuration: ApplicationConfiguration(
                address: .hostname(address.bindHost, port: address.port), serverName: nil),
            onServerRunning: { channel in
                let bound = ListenAddress(host: address.bindHost, port: channel.localAddress?.port ?? address.port)
                logger.info("listening", metadata: ["address": "\(bound)"])
                onListening(bound)
            },
            logger: serverLogger)
    }
}
