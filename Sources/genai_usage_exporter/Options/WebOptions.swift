import ArgumentParser
import ExporterWeb

/// `--web.config.file`.
struct WebConfigOption: ParsableArguments {
    @Option(
        name: .customLong("web.config.file"),
        help: "TLS, passwords, headers and rate limit, in exporter-toolkit's format; plain HTTP unless given.")
    var path: String?

    /// Reads and checks the file, where there is one.
    ///
    /// - Throws: `CommandFailure` with every problem, a line each.
    func check() throws {
        guard let path else { return }
        do {
            try ExporterWebServer.check(configFile: path)
        } catch {
            throw CommandFailure(message: error.description)
        }
    }
}

/// The flags of the web face.
struct WebOptions: ParsableArguments {
    @Option(
        name: .customLong("web.listen-address"),
        help: "Where to listen: host:port, [IPv6]:port or :port; may be given several times. Port 0 picks a free one.")
    var listenAddresses = [":10061"]

    @Flag(
        name: .customLong("web.systemd-socket"),
        help: "Listen on the sockets that systemd opened (a socket unit), in place of the addresses.")
    var systemdSocket = false

    @Option(name: .customLong("web.telemetry-path"), help: "The path of the metrics.")
    var telemetryPath = "/metrics"

    @Option(name: .customLong("web.max-requests"), help: "Scrapes in flight; beyond, the answer is 503.")
    var maximumScrapes = 40

    @Option(
        name: .customLong("web.max-connections"),
        help: "Open connections; beyond, idle ones are closed or new ones wait. (default: half of the open-file limit)")
    var maximumConnections: Int?

    @Flag(
        name: .customLong("web.openmetrics-created"),
        help: "Write _created lines in the OpenMetrics format; Prometheus stores each as one more series.")
    var openMetricsCreated = false

    @OptionGroup var file: WebConfigOption

    @Option(
        name: .customLong("web.external-url"),
        help: "The URL under which clients reach the exporter behind a reverse proxy, for links and the targets of /sd."
    )
    var externalURL: String?

    @Option(
        name: .customLong("web.route-prefix"),
        help: "What the paths of requests begin with here; the path of --web.external-url unless given.")
    var routePrefix: String?

    @Option(
        name: .customLong("web.health-address"),
        help: "A second address, plain HTTP without passwords, for /-/healthy and /-/ready only.")
    var healthAddress: String?

    @Flag(name: .customLong("web.enable-lifecycle"), help: "Allow POST /-/reload and POST /-/sync.")
    var enableLifecycle = false

    func validate() throws {
        guard ExporterWebServer.isFree(telemetryPath: telemetryPath) else {
            throw ValidationError(
                "--web.telemetry-path must begin with /, hold letters, digits and -._~/ alone, and be none of the paths "
                    + "that are taken: /, /probe, /sd, /-/…")
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

    /// What the web face is made with.
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
