import ConfigReading
import ExporterCore
import Foundation
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// The active web config, with its TLS settings and rate limiter.
final class ActiveWebConfiguration: Sendable {
    let configuration: WebConfiguration
    /// TLS settings of new connections; nil for plain HTTP.
    let tls: ServerTLS?
    private let bucket: NIOLockedValueBox<TokenBucket?>

    /// - Throws: `ServerTLS.Unusable`.
    init(_ configuration: WebConfiguration) throws(ServerTLS.Unusable) {
        self.configuration = configuration
        tls = if let settings = configuration.tls { try ServerTLS(settings) } else { nil }
        bucket = NIOLockedValueBox(configuration.rateLimit.map { TokenBucket($0, at: .now) })
    }

    /// Takes a token from the rate limiter; false if there is none.
    func allowsRequest() -> Bool {
        bucket.withLockedValue { $0?.take(at: .now) ?? true }
    }
}

/// Reloads the web config when one of its files has changed, which is checked at each connection, at each request and
/// each second. An invalid file changes nothing: the last valid config stays active.
final class WebConfigurationStore: Sendable {
    /// Identifies a version of a file (stat(2)).
    private struct Stamp: Hashable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        /// Time of the last change of content, mode or owner. A file that becomes readable keeps its modification time.
        let seconds: Int
        let nanoseconds: Int
    }

    private struct State {
        var active: ActiveWebConfiguration
        var stamps: [Stamp?]
        /// Why the current files cannot be used, and the time of the last attempt; nil if they are valid.
        var failure: (text: String, tried: ContinuousClock.Instant)?
        /// File versions of a weaker config that is not yet applied, and the time since which they are unchanged.
        var waiting: (stamps: [Stamp?], since: ContinuousClock.Instant)?
    }

    /// Time without a change after which a config without the earlier one's TLS or passwords is applied. A file that is
    /// still being written may lack them, because its end is missing.
    static let settling = Duration.seconds(2)

    /// Interval at which a rejected config is reloaded, because it is not known which files it lacks.
    static let retryInterval = Duration.seconds(1)

    let passwords = PasswordVerifier()
    private let path: String?
    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: NIOLockedValueBox<State>

    /// Loads the file.
    ///
    /// - Parameter path: the web config file; nil for plain HTTP without authentication.
    /// - Throws: `ConfigurationProblems` with every problem, or `ServerTLS.Unusable`.
    init(
        path: String?, logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) throws {
        self.path = path
        self.now = now
        self.logger = logger
        let file = Self.stamps(path, WebConfiguration())
        let configuration = try path.map { try WebConfiguration.load(path: $0) } ?? WebConfiguration()
        let stamps = file + Self.stamps(nil, configuration)
        state = NIOLockedValueBox(State(active: try ActiveWebConfiguration(configuration), stamps: stamps))
    }

    /// Whether there is no file, so that `current` never accesses the disk.
    var isFixed: Bool { path == nil }

    /// The active config, reloaded if a file has changed.
    var current: ActiveWebConfiguration {
        let seen = state.withLockedValue { $0 }
        // Without the lock, so that requests do not wait for each other while a slow disk is checked.
        guard let path, needsReload(seen, Self.stamps(path, seen.active.configuration)) else { return seen.active }
        return state.withLockedValue { state in
            let stamps = Self.stamps(path, state.active.configuration)
            // Another request may have reloaded it meanwhile.
            guard needsReload(state, stamps) else { return state.active }
            do {
                let newest = try WebConfiguration.load(path: path)
                // From before the read, so that a file that changes meanwhile is read again.
                let stamps = Array(stamps.prefix(1)) + Self.stamps(nil, newest)
                let active = try ActiveWebConfiguration(newest)
                if newest.weakens(after: state.active.configuration) {
                    guard let waiting = state.waiting, waiting.stamps == stamps else {
                        state.waiting = (stamps, now())
                        return state.active
                    }
                    guard now() - waiting.since >= Self.settling else { return state.active }
                }
                state = State(active: active, stamps: stamps)
                logger.info("web config reloaded", metadata: ["file": "\(path)"])
            } catch {
                let text = "\(error)"
                if text != state.failure?.text || stamps != state.stamps {
                    logger.error(
                        "web config reload failed; the last valid config stays active",
                        metadata: ["file": "\(path)", "error": "\(text)"])
                }
                state.stamps = stamps
                state.failure = (text, now())
                state.waiting = nil
            }
            return state.active
        }
    }

    /// Whether the active config is that of the files; false while they are invalid.
    var isCurrent: Bool { state.withLockedValue { $0.failure == nil } }

    /// Checks the files each second until cancelled, so that a change is applied or logged without any request.
    ///
    /// - Parameter onChange: called at the start and whenever `isCurrent` changed.
    func watch(by clock: any WallClock, onChange: (_ isCurrent: Bool) async -> Void) async {
        var shown = isCurrent
        await onChange(shown)
        guard path != nil else { return }
        while (try? await clock.sleep(for: .seconds(1))) != nil {
            _ = current
            let isCurrent = isCurrent
            if isCurrent != shown { await onChange(isCurrent) }
            shown = isCurrent
        }
    }

    private func needsReload(_ state: State, _ stamps: [Stamp?]) -> Bool {
        stamps != state.stamps || state.failure.map { now() - $0.tried >= Self.retryInterval } ?? false
    }

    private static func stamps(_ path: String?, _ configuration: WebConfiguration) -> [Stamp?] {
        ([path].compactMap { $0 } + (configuration.tls?.files ?? [])).map { file in
            var status = stat()
            guard stat(file, &status) == 0 else { return nil }
            return Stamp(
                device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
                seconds: status.st_ctim.tv_sec, nanoseconds: status.st_ctim.tv_nsec)
        }
    }
}
