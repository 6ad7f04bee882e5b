import ExporterCore
import Foundation
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// A web config in force: what its file said, and what follows from that.
final class ActiveWebConfiguration: Sendable {
    let configuration: WebConfiguration
    /// What new connections speak TLS with; nil for plain HTTP.
    let tls: ServerTLS?
    private let bucket: NIOLockedValueBox<TokenBucket?>

    /// - Throws: `ServerTLS.Unusable`.
    init(_ configuration: WebConfiguration) throws(ServerTLS.Unusable) {
        self.configuration = configuration
        tls = if let settings = configuration.tls { try ServerTLS(settings) } else { nil }
        bucket = NIOLockedValueBox(configuration.rateLimit.map { TokenBucket($0, at: .now) })
    }

    /// Whether the rate limit lets one more request in.
    func allowsRequest() -> Bool {
        bucket.withLockedValue { $0?.take(at: .now) ?? true }
    }
}

/// The web config as its files are now: looked at anew for each connection and request and each second, read again when
/// one of them changed. A file that is broken changes nothing: the last good one stays in force.
final class WebConfigurationStore: Sendable {
    /// What tells one version of a file from another (stat(2)).
    private struct Stamp: Hashable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        /// Of the last change of content, mode or owner: a file that becomes readable keeps its modification time.
        let seconds: Int
        let nanoseconds: Int
    }

    private struct State {
        var active: ActiveWebConfiguration
        var stamps: [Stamp?]
        /// Why the files as they are now cannot be used, and when they were last tried; nil while they can.
        var failure: (text: String, tried: ContinuousClock.Instant)?
        /// A config that would open a door, and since when its files are as they are.
        var waiting: (stamps: [Stamp?], since: ContinuousClock.Instant)?
    }

    /// A file that is being written may for a moment lack its end, and with it TLS or every password. One that takes
    /// either away is taken at its word after so long without a change.
    static let settling = Duration.seconds(2)

    /// Interval at which a refused config is loaded again, because the files that it lacks are not known.
    static let retryInterval = Duration.seconds(1)

    /// Remembers which passwords were right.
    let passwords = PasswordVerifier()
    private let path: String?
    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: NIOLockedValueBox<State>

    /// Reads the file for the first time.
    ///
    /// - Parameter path: the web config file; nil for none: plain HTTP, open to everyone.
    /// - Throws: `ConfigurationProblems` with everything that is wrong, or `ServerTLS.Unusable`.
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

    /// Whether there is no file, so that looking at the config costs nothing.
    var isFixed: Bool { path == nil }

    /// The config in force.
    var current: ActiveWebConfiguration {
        guard let path else { return state.withLockedValue { $0.active } }
        return state.withLockedValue { state in
            let stamps = Self.stamps(path, state.active.configuration)
            guard stamps != state.stamps || isRetryDue(state) else { return state.active }
            do {
                let newest = try WebConfiguration.load(path: path)
                // Of before they are read: a file that changes meanwhile is read again.
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
                logger.info("web config read again", metadata: ["file": "\(path)"])
            } catch {
                let text = "\(error)"
                if text != state.failure?.text || stamps != state.stamps {
                    logger.error(
                        "the web config cannot be used; the last good one stays",
                        metadata: ["file": "\(path)", "error": "\(text)"])
                }
                state.stamps = stamps
                state.failure = (text, now())
                state.waiting = nil
            }
            return state.active
        }
    }

    /// Whether the config in force is what the files say: false while they are broken.
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

    private func isRetryDue(_ state: State) -> Bool {
        state.failure.map { now() - $0.tried >= Self.retryInterval } ?? false
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
