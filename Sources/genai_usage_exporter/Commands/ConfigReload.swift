import ExporterCore
import Logging
import ServiceLifecycle
import UnixSignals
import UsageModel

/// Reads the config file again while the exporter runs: on `SIGHUP`, and when `/-/reload` asks.
struct ConfigReload: Service {
    let config: ConfigOptions
    let shard: Shard
    let exporter: Exporter
    let redaction: LogRedaction
    let clock: any WallClock
    let logger: Logger

    /// Reloads at each `SIGHUP` until shutdown.
    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() {
            try? await reload()
        }
    }

    /// Takes the file over as it is now.
    ///
    /// - Throws: every problem of the file, or why it could not be taken over; both are logged and shown as a metric.
    func reload() async throws {
        let configuration: ExporterConfiguration
        do {
            configuration = try config.load(clock: clock, redaction: redaction).part(of: shard)
        } catch {
            await exporter.reloadFailed()
            logger.error("the config could not be reloaded; the running one stays", metadata: ["error": "\(error)"])
            throw error
        }
        do {
            try await exporter.reload(configuration)
        } catch {
            logger.error("the config could not be taken over whole", metadata: ["error": "\(error)"])
            throw error
        }
        for warning in configuration.warnings { logger.warning("config", metadata: ["problem": "\(warning)"]) }
        logger.info("config reloaded", metadata: ["accounts": "\(configuration.accounts.count)"])
    }
}
