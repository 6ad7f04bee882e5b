import ArgumentParser
import ExporterWeb

/// `--web.config.file`.
struct WebConfigOption: ParsableArguments {
    @Option(
        name: .customLong("web.config.file"),
        help: "exporter-toolkit web config file (TLS, passwords, headers, rate limit); plain HTTP unless given.")
    var path: String?

    /// Reads and checks the file, if there is one.
    ///
    /// - Throws: `CommandFailure` with every problem, one per line.
    func check() throws {
        guard let path else { return }
        do {
            try ExporterWebServer.check(configFile: path)
        } catch {
            throw CommandFailure(message: error.description)
        }
    }
}

/// The web flags.
struct WebOptions: ParsableArguments {
    @Option(
        name: .customLong("web.listen-address"),
        help: "Address to listen on: host:port, [IPv6]:port or :port; repeatable. Port 0 picks a free port.")
    var listenAddresses = [":10061"]

    @Flag(
        name: .customLong("web.systemd-socket"),
        help: "Use systemd socket activation listeners instead of the listen addresses.")
    var systemdSocket = false

    @Option(name: .customLong("web.telemetry-path"), help: "Path under which to expose metrics.")
    var telemetryPath = "/metrics"

    @Option(name: .customLong("web.max-requests"), help: "Maximum number of concurrent scrapes; further ones get 503.")
    var maximumScrapes = 40

    @Option(
        name: .customLong("web.max-connections"),
        help: "Maximum number of connections; beyond it idle ones are closed. (default: half of the open-file limit)")
    var maximumConnections: Int?

    @Flag(
        name: .customLong("web.openmetrics-created"),
        help: "Write _created lines in the OpenMetrics format; Prometheus stores each as one more series.")
    var openMetricsCreated = false

    @OptionGroup var file: WebConfigOption

    @Option(
        name: .customLong("web.external-url"),
        help: "The URL under which the exporter is externally reachable, for links and the targets of /sd."
    )
    var externalURL: String?

    @Option(
        name: .customLong("web.route-prefix"),
        help: "Prefix of request paths; the path of --web.external-url unless given.")
    var routePrefix: String?

    @Option(
        name: .customLong("web.health-address"),
        help: "Additional address of /-/healthy and /-/ready only, over plain HTTP without passwords.")
    var healthAddress: String?

    @Flag(name: .customLong("web.enable-lifecycle"), help: "Allow POST /-/reload and POST /-/sync.")
    var enableLifecycle = false

    func validate() throws {
        guard ExporterWebServer.isFree(telemetryPath: telemetryPath) else {
            throw ValidationError(
                "--web.telemetry-path must begin with /, contain only letters, digits and -._~/, and not be a reserved "
                    + "path: /, /probe, /sd, /-/…")
        }
        guard maximumScrapes > 0 else { throw ValidationError("--web.max-requests must be at least 1") }
        if let maximumConnections, !(1...OpenFileLimit.mostConnections).contains(maximumConnections) {
            throw ValidationError(
                "--web.max-connections must be from 1 to \(OpenFileLimit.mostConnections): the open-file limit less "
                    + "\(OpenFileLimit.reserve) for storage, upstream, event loops and health checks")
        }
        do {
            _ = try addresses()
            _ = try routes()
            _ = try healthAddress.map { try ListenAddress($0) }
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// The web server's options.
    func options() throws -> ExporterWebServer.Options {
        var options = ExporterWebServer.Options(
            addresses: try addresses(), telemetryPath: telemetryPath, maximumScrapes: maximumScrapes,
            maximumConnections: maximumConnections ?? OpenFileLimit.defaultConnections)
        options.configFile = file.path
        options.isLifecycleEnabled = enableLifecycle
        options.routes = try routes()
        options.healthAddress = try healthAddress.map { try ListenAddress($0) }
        if systemdSocket {
            do {
                options.inheritedSockets = try InheritedSockets.take()
            } catch {
                throw CommandFailure(message: "\(error)")
            }
        }
        return options
    }

    private func routes() throws(WebRoutes.Invalid) -> WebRoutes {
        try WebRoutes(externalURL: externalURL, routePrefix: routePrefix)
    }

    private func addresses() throws -> [ListenAddress] {
        try listenAddresses.map { try ListenAddress($0) }
    }
}
