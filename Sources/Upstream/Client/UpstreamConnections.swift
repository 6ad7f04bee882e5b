import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import NIOConcurrencyHelpers
import UsageModel

/// The connections of all accounts: one pool for each way of connecting (time-outs, proxy, certificate authorities).
///
/// A pool whose `ca_file` or proxy password has changed is replaced at the next request, so that no restart is needed.
package final class UpstreamConnections: Sendable {
    private enum State {
        case open([Route: Pool])
        case shutDown
    }

    /// What connections must share to be in one pool.
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

    /// What a pool is made of beside its route, as it was read from files.
    private struct Material: Equatable {
        let proxyPassword: String
        let certificateAuthorities: FileStamp?

        init(_ route: Route) throws(UpstreamFailure) {
            proxyPassword = try route.proxy?.password() ?? ""
            certificateAuthorities = route.certificateAuthorityFile.flatMap(FileStamp.init(path:))
        }
    }

    /// A pool, which is shut down once it is retired and no request uses it any more.
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

        /// Called once, when no further request can enter.
        func retire() {
            let isUnused = state.withLockedValue { state in
                state.isRetired = true
                return state.users == 0
            }
            if isUnused { shutDown() }
        }

        private func shutDown() {
            // No request waits for it, and its failure concerns none.
            Task { [client] in try? await client.shutdown() }
        }
    }

    private let state = NIOLockedValueBox(State.open([:]))

    /// No connection yet: they are made when they are needed.
    package init() {}

    /// Closes every connection; calls that are under way fail, and so do later ones.
    ///
    /// Whoever makes an `UpstreamConnections` must end it by this before letting go of it.
    package func shutdown() async throws {
        let pools = state.withLockedValue { state -> [Pool] in
            guard case .open(let pools) = state else { return [] }
            state = .shutDown
            return Array(pools.values)
        }
        for pool in pools { try await pool.client.shutdown() }
    }

    /// Shuts down the pools that none of these settings uses, each after its last request.
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

    /// The number of pools that requests may use.
    var poolCount: Int {
        state.withLockedValue { if case .open(let pools) = $0 { pools.count } else { 0 } }
    }

    /// Runs a body with the HTTP client for these settings, as their files are now.
    ///
    /// - Throws: what the body throws; `UpstreamFailure` with the reason `network` where the certificate authorities or the
    ///   proxy's password cannot be read, or after `shutdown`.
    func withClient<Value>(
        for settings: UpstreamSettings, isolation: isolated (any Actor)? = #isolation,
        _ body: (HTTPClient) async throws -> Value
    ) async throws -> Value {
        let pool = try pool(for: Route(settings))
        defer { pool.leave() }
        return try await body(pool.client)
    }

    /// The pool of a route, entered.
    private func pool(for route: Route) throws(UpstreamFailure) -> Pool {
        let material = try Material(route)
        // The file is read outside the lock; where two calls come first at once, one of the readings is dropped.
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

    /// Bytes that are taken from a connection at a time.
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
                    message: "ca_file \(file) cannot be read as PEM certificates: does it exist, "
                        + "and may this user read it?")
            }
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: .nanoseconds(route.connectTimeout.wholeNanoseconds),
                read: .nanoseconds(route.readTimeout.wholeNanoseconds)),
            // A limit by ratio would refuse honest answers: pretty-printed rows shrink by more than 25.
            decompression: .enabled(limit: .size(route.maximumBodyBytes)))
        // Retrying is decided in one place, RetryPolicy; the pool itself reports a failed connection at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Accounts at one provider share a pool: the requests that hang for one must not hold up another's.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.connectionPool.idleTimeout = .seconds(30)
        // A compressed body is expanded as it is received, up to a thousandfold and before anybody can ask for a pause:
        // received in small pieces, one of them stays below 9 MB.
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
    /// Whole nanoseconds; settings hold durations of at most a day.
    fileprivate var wholeNanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}

/// A file's identity and content as its record tells: it changes when the file is written or replaced.
private struct FileStamp: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    /// Nanoseconds of the last write and of the last change of the record.
    private let times: [Int64]

    /// The file that a path, links followed, leads to now; nil where there is none.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        times = [status.st_mtim, status.st_ctim].flatMap { [Int64($0.tv_sec), Int64($0.tv_nsec)] }
    }
}
