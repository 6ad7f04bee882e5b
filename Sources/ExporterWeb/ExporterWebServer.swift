import ConfigReading
import ExporterCore
import Logging
import ServiceLifecycle

/// The exporter's HTTP server, with one listener for each address.
package struct ExporterWebServer: Service {
    /// Values of the web flags.
    package struct Options: Sendable {
        package var addresses: [ListenAddress]
        /// Listening descriptors passed by systemd. If there are any, `addresses` is ignored.
        package var inheritedSockets: [CInt] = []
        package var telemetryPath: String
        /// Maximum number of concurrent scrapes; further ones are rejected with 503.
        package var maximumScrapes: Int
        /// Maximum number of connections of all listeners; beyond it idle ones are closed, or new ones wait.
        package var maximumConnections: Int
        /// TLS, passwords, headers and rate limit; nil for plain HTTP without authentication.
        package var configFile: String?
        /// Whether reload and sync by request are enabled.
        package var isLifecycleEnabled = false
        /// Additional address of the health checks, plain HTTP regardless of the web config; nil for none.
        package var healthAddress: ListenAddress?
        /// Path prefixes of requests and links.
        package var routes = WebRoutes.root
        /// Reloads the config file by request; nil without a config file.
        package var reload: (@Sendable () async throws -> Void)?

        package init(
            addresses: [ListenAddress], telemetryPath: String, maximumScrapes: Int, maximumConnections: Int
        ) {
            self.addresses = addresses
            self.telemetryPath = telemetryPath
            self.maximumScrapes = maximumScrapes
            self.maximumConnections = maximumConnections
        }
    }

    private let exporter: Exporter
    private let options: Options
    private let logger: Logger
    private let onListening: @Sendable (ListenAddress, _ isTLS: Bool) -> Void
    private let settings: WebConfigurationStore
    /// Plain HTTP, for health checks.
    private let plain: WebConfigurationStore
    private let endpoints: Endpoints
    private let connections: ConnectionLimit
    /// A separate limit, so that health checks do not wait for other connections.
    private let healthConnections: ConnectionLimit
    private static let mostHealthConnections = 32

    /// Descriptors that connections may take beyond `Options.maximumConnections`: those of health checks, and those
    /// that are being closed to make room.
    package static let descriptorsBeyondMaximum = mostHealthConnections + 2 * ConnectionLimit.excess

    /// Loads the web config file, if any.
    ///
    /// - Parameter onListening: called once for each address, with the bound port and whether TLS is enabled; not
    ///   called for a Unix socket passed by systemd.
    /// - Throws: `ConfigurationProblems` with every problem of the web config file.
    package init(
        _ exporter: Exporter, options: Options, logger: Logger,
        onListening: @escaping @Sendable (ListenAddress, _ isTLS: Bool) -> Void = { _, _ in }
    ) throws {
        settings = try WebConfigurationStore(path: options.configFile, logger: logger)
        plain = try WebConfigurationStore(path: nil, logger: logger)
        endpoints = Endpoints(exporter: exporter, options: options, settings: settings)
        self.exporter = exporter
        self.options = options
        self.logger = logger
        self.onListening = onListening
        connections = ConnectionLimit(options.maximumConnections, of: "--web.max-connections", logger: logger)
        healthConnections = ConnectionLimit(
            Self.mostHealthConnections, of: "the address for health checks", logger: logger)
    }

    /// Whether metrics can be served at a path: it needs no percent-encoding, and no other endpoint uses it.
    package static func isFree(telemetryPath path: String) -> Bool {
        path.wholeMatch(of: #/(/[A-Za-z0-9._~-]+)+/?/#) != nil
            && !path.split(separator: "/").contains { $0.allSatisfy { $0 == "." } } && !path.hasPrefix("/-/")
            && !Route.fixed.contains { $0.path == path }
    }

    /// Checks a web config file, and the certificates and keys that it names.
    ///
    /// - Throws: `ConfigurationProblems` with every problem.
    package static func check(configFile: String) throws(ConfigurationProblems) {
        _ = try WebConfiguration.load(path: configFile)
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: `ListenFailure` if an address cannot be bound.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    await settings.watch(by: exporter.clock) { await exporter.showWebConfiguration(isCurrent: $0) }
                }
            }
            for place in places {
                group.addTask { try await listener(at: place).run() }
            }
            if let address = options.healthAddress {
                group.addTask { try await healthListener(at: address).run() }
            }
            // The first failure cancels the others.
            for try await _ in group {}
        }
    }

    private var places: [ListeningPlace] {
        options.inheritedSockets.isEmpty
            ? options.addresses.map { .address($0) } : options.inheritedSockets.map { .socket($0) }
    }

    private func listener(at place: ListeningPlace) -> HTTPListener {
        HTTPListener(
            place: place,
            responder: ExporterResponder(
                routes: [.metrics(at: options.telemetryPath)] + Route.fixed, settings: settings, endpoints: endpoints),
            connections: connections, now: { exporter.now }, logger: listenerLogger,
            onListening: { place in
                let isTLS = settings.current.tls != nil
                let isOpen = settings.current.configuration.users.isEmpty
                logger.info(
                    "listening", metadata: ["address": "\(place)", "tls": "\(isTLS)", "passwords": "\(!isOpen)"])
                if let address = place.address { onListening(address, isTLS) }
            })
    }

    private func healthListener(at address: ListenAddress) -> HTTPListener {
        HTTPListener(
            place: .address(address),
            responder: ExporterResponder(routes: Route.healthChecks, settings: plain, endpoints: endpoints),
            connections: healthConnections, now: { exporter.now }, logger: listenerLogger,
            onListening: { place in
                logger.info("listening for health checks", metadata: ["address": "\(place)"])
            })
    }

    /// Logs warnings and above, because the server's info records about connections are of use for debugging only.
    private var listenerLogger: Logger {
        var listenerLogger = logger
        listenerLogger.logLevel = max(logger.logLevel, .warning)
        return listenerLogger
    }
}
