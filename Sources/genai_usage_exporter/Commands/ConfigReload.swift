import CStartSignals
import ConfigReading
import ExporterCore
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals
import UsageModel

/// Reloads the config file on `SIGHUP`, on requests to `/-/reload`, and when its content has changed, if it is checked
/// for changes.
final class ConfigReload: Service {
    private struct LastLoad {
        /// A hash of the file's content; nil if it could not be read.
        var content: Int?
        /// Why the content is not active; nil if it is.
        var failure: String?
        /// Earliest time of an automatic retry.
        var retryAt: Timestamp?
    }

    /// Minimum interval between automatic attempts to apply a valid file, because each interrupts the syncs of the
    /// accounts that it changes.
    private static let applyRetryInterval = Duration.minutes(5)

    private let config: ConfigOptions
    private let interval: Duration?
    private let shard: Shard
    private let exporter: Exporter
    private let redaction: LogRedaction
    private let clock: any WallClock
    private let logger: Logger
    private let last: Mutex<LastLoad>
    /// The newest reload, which the next one waits for.
    private let newest = Mutex<Task<Void, any Error>?>(nil)

    /// - Parameters:
    ///   - content: what `content(of:)` returned before the file was loaded.
    ///   - interval: how often the file is checked for changes; nil for never.
    init(
        config: ConfigOptions, content: Int?, checkedEvery interval: Duration?, shard: Shard, exporter: Exporter,
        redaction: LogRedaction, clock: any WallClock, logger: Logger
    ) {
        self.config = config
        self.interval = interval
        self.shard = shard
        self.exporter = exporter
        self.redaction = redaction
        self.clock = clock
        self.logger = logger
        last = Mutex(LastLoad(content: content))
    }

    /// A hash of a file's content; nil if it cannot be read.
    static func content(of path: String) -> Int? {
        (try? SystemFiles().contents(of: path, limit: YAMLDocument.longest)).map(\.hashValue)
    }

    /// Reloads at each `SIGHUP`, and when the content changed, until shutdown.
    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                if genai_take_early_hangup() { try? await self.reload() }
                for await _ in signals.cancelOnGracefulShutdown() { try? await self.reload() }
            }
            if let interval {
                group.addTask { await cancelWhenGracefulShutdown { await self.watch(every: interval) } }
            }
        }
    }

    private func watch(every interval: Duration) async {
        while (try? await clock.sleep(for: interval)) != nil {
            let content = Self.content(of: config.file)
            // After a failure at every check, because a missing key file may exist now.
            let isDue = last.withLock { last in
                last.content != content || last.failure != nil && last.retryAt.map { $0 <= clock.now } ?? true
            }
            if isDue { try? await reload(logsRepeatedFailure: false) }
        }
    }

    /// Reloads the file.
    ///
    /// - Throws: every problem of the file, or why it could not be applied; both are logged and exposed as a metric.
    func reload() async throws {
        try await reload(logsRepeatedFailure: true)
    }

    /// Reloads after all earlier reloads have finished, because the file may have changed since they read it.
    private func reload(logsRepeatedFailure: Bool) async throws {
        let reload = newest.withLock { newest in
            let reload = Task { [previous = newest] in
                _ = await previous?.result
                try await self.load(logsRepeatedFailure: logsRepeatedFailure)
            }
            newest = reload
            return reload
        }
        try await reload.value
    }

    private func load(logsRepeatedFailure: Bool) async throws {
        // Before the file is loaded, so that the next check finds a change meanwhile.
        let content = Self.content(of: config.file)
        func failed(_ message: Logger.Message, _ error: any Error, retryAt: Timestamp? = nil) {
            let text = "\(error)"
            let isRepeated = last.withLock { last in
                defer { last = LastLoad(content: content, failure: text, retryAt: retryAt) }
                return last.failure == text
            }
            guard logsRepeatedFailure || !isRepeated else { return }
            logger.error(message, metadata: ["error": "\(text)"])
        }
        let configuration: ExporterConfiguration
        do {
            configuration = try config.load(clock: clock, redaction: redaction).part(of: shard)
        } catch {
            await exporter.reloadFailed()
            failed("config reload failed; the running config stays active", error)
            throw error
        }
        do {
            try await exporter.reload(configuration)
        } catch {
            failed("config could not be applied completely", error, retryAt: clock.now + Self.applyRetryInterval)
            throw error
        }
        last.withLock { $0 = LastLoad(content: content) }
        for warning in configuration.warnings { logger.warning("config", metadata: ["problem": "\(warning)"]) }
        logger.info("config reloaded", metadata: ["accounts": "\(configuration.accounts.count)"])
    }
}
