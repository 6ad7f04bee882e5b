import ExporterCore
import Hummingbird
import HummingbirdCore
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
        /// TLS, passwords, headers and rate limit; nil for plain HTTP, open to everyone.
        public var configFile: String?
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
    private let settings: WebConfigurationStore

    /// A web face for an exporter.
    ///
    /// - Parameter onListening: called once for each address with the port that was bound.
    /// - Throws: `ConfigurationProblems` with everything that is wrong in the web config file.
    public init(
        _ exporter: Exporter, options: Options, logger: Logger,
        onListening: @escaping @Sendable (ListenAddress) -> Void = { _ in }
    ) throws {
        settings = try WebConfigurationStore(path: options.configFile, logger: logger)
        self.exporter = exporter
        self.options = options
        self.logger = logger
        self.onListening = onListening
    }

    /// Whether the metrics can be served at a path: it means itself in a URL, and nothing else is there.
    public static func isFree(telemetryPath path: String) -> Bool {
        path.wholeMatch(of: #/(/[A-Za-z0-9._~-]+)+/?/#) != nil && !path.hasPrefix("/-/")
            && !["/probe", "/sd"].contains(path)
    }

    /// Checks a web config file, and the certificates and keys that it names.
    ///
    /// - Throws: `ConfigurationProblems` with everything that is wrong.
    public static func check(configFile: String) throws(ConfigurationProblems) {
        _ = try WebConfiguration.load(path: configFile)
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

    private func application(for address: ListenAddress) -> Application<AccessGate<ExporterResponder>> {
        // The server's own log speaks of connections; what it says at info is of use when looking for trouble only.
        var serverLogger = logger
        serverLogger.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: AccessGate(
                inner: ExporterResponder(
                    exporter: exporter,
                    metrics: MetricsEndpoint(
                        store: exporter.store, scrapes: exporter.scrapes, maximumInFlight: options.maximumScrapes),
                    lifecycle: LifecycleEndpoints(exporter: exporter, reload: options.reload),
                    telemetryPath: options.telemetryPath, settings: settings),
                settings: settings),
            server: HTTPServerBuilder { [settings] responder in
                SecurableChannel(settings: settings, idleTimeout: Self.idleTimeout, responder: responder)
            },
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
