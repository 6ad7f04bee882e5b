import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import NIOConcurrencyHelpers
import UsageModel

/// The connection pools of all accounts: one for each combination of timeouts, proxy and certificate authorities.
///
/// A pool whose `ca_file` or proxy password has changed is replaced at the next request, without a restart.
package final class UpstreamConnections: Sendable {
    private enum State {
        case open([Route: Pool])
        case shutDown
    }

    /// The settings that all connections of a pool share.
    private struct Route: Hashable {
        let connectTimeout: Duration
        let readTimeout: Duration
        let maximumBodyBytes: Int
        let proxy: ProxyServer?
        let certificateAuthorityFile: String?

        init(_ settings: UpstreamSettings) {
            connectTimeout = settings.connectTimeout
            readTimeout = settings.readTimeout
            maximumBodyBytes = settings.maximumBodyBytes
            proxy = settings.proxy
            certificateAuthorityFile = settings.certificateAuthorityFile
        }
    }

    /// The file contents that a pool's configuration depends on, besides its route.
    private struct Material: Equatable {
        let proxyPassword: String
        let certificateAuthorities: FileStamp?

        init(_ route: Route) throws(UpstreamFailure) {
            proxyPassword = try route.proxy?.password() ?? ""
            certificateAuthorities = route.certificateAuthorityFile.flatMap(FileStamp.init(path:))
        }
    }

    /// A pool, shut down once it is retired and unused.
    private final class Pool: Sendable {
        let client: HTTPClient
        let material: Material
        private let state = NIOLockedValueBox((users: 0, isRetired: false))

        init(_ configuration: HTTPClient.Configuration, _ material: Material) {
            client = HTTPClient(
                eventLoopGroupProvider: .shared(HTTPClient.defaultEventLoopGroup), configuration: configuration)
            self.material = material
        }

        func enter() {
            state.withLockedValue { $0.users += 1 }
        }

        func leave() {
            let isLast = state.withLockedValue { state in
                state.users -= 1
                return state.isRetired && state.users == 0
            }
            if isLast { shutDown() }
        }

        /// Shuts the pool down after its last request. Called once, when no further request can enter.
        func retire() {
            let isUnused = state.withLockedValue { state in
                state.isRetired = true
                return state.users == 0
            }
            if isUnused { shutDown() }
        }

        private func shutDown() {
            // No request waits for the shutdown, so its failure can be ignored.
            Task { [client] in try? await client.shutdown() }
        }
    }

    private let state = NIOLockedValueBox(State.open([:]))

    /// Creates no connection: pools are created on demand.
    package init() {}

    /// Closes every connection; pending and later calls fail.
    ///
    /// The owner must call this before it releases the instance.
    package func shutdown() async throws {
        let pools = state.withLockedValue { state -> [Pool] in
            guard case .open(let pools) = state else { return [] }
            state = .shutDown
            return Array(pools.values)
        }
        for pool in pools { try await pool.client.shutdown() }
    }

    /// Shuts down the pools that these settings do not use, each after its last request.
    package func keep(only used: [UpstreamSettings]) {
        let routes = Set(used.map(Route.init))
        state.withLockedValue { state in
            guard case .open(var pools) = state else { return }
            for (route, pool) in pools where !routes.contains(route) {
                pool.retire()
                pools[route] = nil
            }
            state = .open(pools)
        }
    }

    /// The number of active pools.
    var poolCount: Int {
        state.withLockedValue { if case .open(let pools) = $0 { pools.count } else { 0 } }
    }

    /// Runs a body with the HTTP client for these settings and the current contents of their files.
    ///
    /// - Throws: errors of the body; `UpstreamFailure` with the reason `network` if the certificate authorities or the
    ///   proxy's password cannot be read, or after `shutdown`.
    func withClient<Value>(
        for settings: UpstreamSettings, isolation: isolated (any Actor)? = #isolation,
        _ body: (HTTPClient) async throws -> Value
    ) async throws -> Value {
        let pool = try pool(for: Route(settings))
        defer { pool.leave() }
        return try await body(pool.client)
    }

    /// Returns the pool of a route, after entering it.
    private func pool(for route: Route) throws(UpstreamFailure) -> Pool {
        let material = try Material(route)
        // Reads the file outside the lock: of two concurrent first calls, one result is dropped.
        if let known = try entered(route, material) { return known }
        let configuration = try Self.configuration(route, material)
        return try state.withLockedValue { state -> Result<Pool, UpstreamFailure> in
            guard case .open(var pools) = state else { return .failure(Self.closed) }
            if let pool = pools[route] {
                if pool.material == material {
                    pool.enter()
                    return .success(pool)
                }
                pool.retire()
            }
            let pool = Pool(configuration, material)
            pool.enter()
            pools[route] = pool
            state = .open(pools)
            return .success(pool)
        }.get()
    }

    private func entered(_ route: Route, _ material: Material) throws(UpstreamFailure) -> Pool? {
        try state.withLockedValue { state -> Result<Pool?, UpstreamFailure> in
            guard case .open(let pools) = state else { return .failure(Self.closed) }
            guard let pool = pools[route], pool.material == material else { return .success(nil) }
            pool.enter()
            return .success(pool)
        }.get()
    }

    private static let closed = UpstreamFailure(reason: .network, message: "the exporter is stopping")

    /// The receive buffer size of a connection in bytes.
    private static let receivedAtOnce = 8 << 10

    private static func configuration(
        _ route: Route, _ material: Material
    ) throws(UpstreamFailure) -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = route.certificateAuthorityFile {
            do {
                tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(file))]
            } catch {
                throw UpstreamFailure(
                    reason: .network,
                    message: "ca_file \(file) cannot be read as PEM certificates: check that it exists "
                        + "and that this user can read it")
            }
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: .nanoseconds(route.connectTimeout.wholeNanoseconds),
                read: .nanoseconds(route.readTimeout.wholeNanoseconds)),
            // A ratio limit would reject valid responses: pretty-printed rows compress by more than 25.
            decompression: .enabled(limit: .size(route.maximumBodyBytes)))
        // RetryPolicy decides on retries; the pool reports a failed connection at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Accounts of one provider share a pool: hanging requests of one must not block those of another.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.connectionPool.idleTimeout = .seconds(30)
        // A compressed body is decompressed as it is received, up to a thousandfold and without backpressure: with this
        // buffer size, one chunk stays below 9 MB.
        configuration.http1_1ConnectionDebugInitializer = { channel in
            channel.setOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.receivedAtOnce)
            )
            .flatMap { channel.setOption(.maxMessagesPerRead, value: 1) }
        }
        if let proxy = route.proxy {
            configuration.proxy = .server(
                host: proxy.host, port: proxy.port,
                authorization: proxy.user.map { .basic(username: $0, password: material.proxyPassword) })
        }
        return configuration
    }
}

extension Duration {
    /// Whole nanoseconds; durations in the settings are at most one day.
    fileprivate var wholeNanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}

/// A file's identity by its inode data, which changes when the file is written or replaced.
private struct FileStamp: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    /// The seconds and nanoseconds of mtime and ctime.
    private let times: [Int64]

    /// Reads the stamp of the file at a path, following links; nil if there is none.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        times = [status.st_mtim, status.st_ctim].flatMap { [Int64($0.tv_sec), Int64($0.tv_nsec)] }
    }
}
