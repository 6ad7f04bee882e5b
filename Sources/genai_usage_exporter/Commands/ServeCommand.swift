import ArgumentParser
import ConfigReading
import Dispatch
import ExporterCore
import ExporterWeb
import Foundation
import Logging
import ServiceLifecycle

/// `serve`: reads the accounts of a config file and serves `/metrics`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve /metrics from a config file.")

    @OptionGroup var config: ConfigOptions
    @OptionGroup var shard: ShardOptions
    @OptionGroup var storage: StorageOptions
    @OptionGroup var web: WebOptions
    @OptionGroup var log: LogOptions

    @Option(
        name: .customLong("config.auto-reload-interval"),
        help: "Check the config file for changes at this interval, such as 30s, and reload it; never unless given.",
        transform: { text in
            guard let interval = DurationNotation.duration(text), interval >= .seconds(1) else {
                throw ValidationError("expected a duration of at least 1s, such as 30s")
            }
            return interval
        })
    var autoReloadInterval: Duration?

    func run() async throws {
        let clock = SystemClock()
        let redaction = LogRedaction()
        let logger = log.logger(clock: clock, redaction: redaction)
        let content = ConfigReload.content(of: config.file)
        let configuration = try config.load(clock: clock, redaction: redaction).part(of: shard.shard)
        try web.file.check()
        var options = try web.options()
        for warning in configuration.warnings {
            logger.warning("config", metadata: ["problem": "\(warning)"])
        }
        var environment = Exporter.Environment(logger: logger)
        environment.build = RootCommand.build
        environment.redaction = redaction
        environment.shard = shard.shard
        environment.showsCreated = web.openMetricsCreated
        logger.info(
            "starting",
            metadata: [
                "version": "\(BuildInformation.version)", "revision": "\(environment.build.revision)",
                "accounts": "\(configuration.accounts.count)",
            ])
        let exporter = try await Exporter(configuration, storage: storage.path, environment: environment)
        let reload = ConfigReload(
            config: config, content: content, checkedEvery: autoReloadInterval, shard: shard.shard, exporter: exporter,
            redaction: redaction, clock: clock, logger: logger)
        options.reload = { try await reload.reload() }
        try await Serving(exporter: exporter, web: options, reload: reload, logger: logger).run()
    }
}

/// Runs an exporter and its web server until a signal stops them.
struct Serving {
    let exporter: Exporter
    let web: ExporterWebServer.Options
    /// Nil without a config file.
    var reload: ConfigReload?
    let logger: Logger
    var onListening: @Sendable (ListenAddress, _ isTLS: Bool) -> Void = { _, _ in }

    func run() async throws {
        let web = try ExporterWebServer(exporter, options: web, logger: logger, onListening: onListening)
        // Explicit names, because the library's default name prints all properties of a service, including secrets.
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: exporter, serviceName: "exporter"), .init(service: web, serviceName: "web"),
        ]
        if let reload { services.append(.init(service: reload, serviceName: "reload")) }
        var configuration = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint] + (reload == nil ? [.sighup] : []), logger: quiet(logger))
        // An upstream that hangs or a slow client must not delay the exit beyond 2 s.
        configuration.maximumGracefulShutdownDuration = .milliseconds(500)
        let deadline = StopDeadline(logger: logger)
        defer { withExtendedLifetime(deadline) {} }
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch is CancellationError {
            // The grace period ended before the last client was served. The ledger is closed nevertheless.
        }
        logger.info("stopped")
    }

    private func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .error)
        return quiet
    }
}

/// Ends the process when a graceful shutdown takes too long, because a service manager would kill it anyway.
///
/// Nothing is lost, because the ledger's transactions are durable once committed. It runs on its own queue, because a
/// shutdown is delayed by work that keeps the shared threads busy.
final class StopDeadline {
    /// Time after the signal, below the 2 s that a stop is documented to take.
    private static let grace = DispatchTimeInterval.milliseconds(1500)

    private let sources: [any DispatchSourceSignal]

    /// Starts to wait for a stop signal.
    init(logger: Logger) {
        let queue = DispatchQueue(label: "stop-deadline")
        sources = [SIGTERM, SIGINT].map { signal in
            let source = DispatchSource.makeSignalSource(signal: signal, queue: queue)
            source.setEventHandler {
                queue.asyncAfter(deadline: .now() + Self.grace) {
                    logger.warning("stopped before pending work was finished; it resumes at the next start")
                    _exit(0)
                }
            }
            source.resume()
            return source
        }
    }
}
