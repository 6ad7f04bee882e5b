import ExporterCore
import Foundation
import Logging
import Synchronization

/// A web config in force: what its file said, and what follows from that.
final class ActiveWebConfiguration: Sendable {
    let configuration: WebConfiguration
    /// What new connections speak TLS with; nil for plain HTTP.
    let tls: ServerTLS?
    private let bucket: Mutex<TokenBucket?>

    /// - Throws: `ServerTLS.Unusable`.
    init(_ configuration: WebConfiguration) throws(ServerTLS.Unusable) {
        self.configuration = configuration
        tls = if let settings = configuration.tls { try ServerTLS(settings) } else { nil }
        bucket = Mutex(configuration.rateLimit.map { TokenBucket($0, at: .now) })
    }

    /// Whether the rate limit lets one more request in.
    func letsIn() -> Bool {
        bucket.withLock { $0?.take(at: .now) ?? true }
    }
}

/// The web config as its files are now: looked at anew for each connection and request, read again when one of them
/// changed. A file that is broken changes nothing: the last good one stays in force.
final class WebConfigurationStore: Sendable {
    /// What tells one version of a file from another (stat(2)).
    private struct Stamp: Hashable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int
    }

    private struct State {
        var active: ActiveWebConfiguration
        var stamps: [Stamp?]
    }

    /// Remembers which passwords were right.
    let passwords = PasswordVerifier()
    private let path: String?
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the file for the first time.
    ///
    /// - Parameter path: the web config file; nil for none: plain HTTP, open to everyone.
    /// - Throws: `ConfigurationProblems` with everything that is wrong, or `ServerTLS.Unusable`.
    init(path: String?, logger: Logger) throws {
        self.path = path
        self.logger = logger
        let configuration = try path.map { try WebConfiguration.load(path: $0) } ?? WebConfiguration()
        state = Mutex(
            State(
                active: try ActiveWebConfiguration(configuration), stamps: Self.stamps(path, configuration)))
    }

    /// The config in force.
    var current: ActiveWebConfiguration {
        guard let path else { return state.withLock { $0.active } }
        return state.withLock { state in
            let stamps = Self.stamps(path, state.active.configuration)
            guard stamps != state.stamps else { return state.active }
            do {
                let newest = try WebConfiguration.load(path: path)
                let active = try ActiveWebConfiguration(newest)
                // Which files there are may have changed with it.
                state = State(active: active, stamps: Self.stamps(path, newest))
                logger.info("web config read again", metadata: ["file": "\(path)"])
            } catch {
                state.stamps = stamps
                logger.error(
                    "the web config cannot be used; the last good one stays",
                    metadata: ["file": "\(path)", "error": "\(error)"])
            }
            return state.active
        }
    }

    private static func stamps(_ path: String?, _ configuration: WebConfiguration) -> [Stamp?] {
        ([path].compactMap { $0 } + (configuration.tls?.files ?? [])).map { file in
            var status = stat()
            guard stat(file, &status) == 0 else { return nil }
            return Stamp(
                device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
                seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        }
    }
}
