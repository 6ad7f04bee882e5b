import AsyncHTTPClient
import NIOCore
import NIOSSL
import NIOConcurrencyHelpers
import UsageModel

/// The connections of all accounts: one pool for each way of connecting (time-outs, proxy, certificate authorities).
public final class UpstreamConnections: Sendable {
    private enum State {
        case open([Route: HTTPClient])
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

    private let state = NIOLockedValueBox(State.open([:]))

    /// No connection yet: they are made when they are needed.
    public init() {}

    /// Closes every connection; calls that are under way fail, and so do later ones.
    ///
    /// Whoever makes an `UpstreamConnections` must end it by this before letting go of it.
    public func shutdown() async throws {
        let clients = state.withLockedValue { state -> [HTTPClient] in
            guard case .open(let clients) = state else { return [] }
            state = .shutDown
            return Array(clients.values)
        }
        for client in clients { try await client.shutdown() }
    }

    /// The HTTP client for these settings.
    ///
    /// - Throws: `UpstreamFailure` with the reason `network` where the certificate authorities cannot be read, or after
    ///   `shutdown`.
    func client(for settings: UpstreamSettings) throws(UpstreamFailure) -> HTTPClient {
        let route = Route(settings)
        // The file is read outside the lock; where two calls come first at once, one of the readings is dropped.
        let isKnown = try known(route)
        if let isKnown { return isKnown }
        let configuration = try Self.configuration(route)
        return try state.withLockedValue { state -> Result<HTTPClient, UpstreamFailure> in
            guard case .open(var clients) = state else { return .failure(Self.closed) }
            if let client = clients[route] { return .success(client) }
            let client = HTTPClient(
                eventLoopGroupProvider: .shared(HTTPClient.defaultEventLoopGroup), configuration: configuration)
            clients[route] = client
            state = .open(clients)
            return .success(client)
        }.get()
    }

    private func known(_ route: Route) throws(UpstreamFailure) -> HTTPClient? {
        try state.withLockedValue { state -> Result<HTTPClient?, UpstreamFailure> in
            guard case .open(let clients) = state else { return .failure(Self.closed) }
            return .success(clients[route])
        }.get()
    }

    private static let closed = UpstreamFailure(reason: .network, message: "the exporter is stopping")

    /// Bytes that are taken from a connection at a time.
    private static let receivedAtOnce = 8 << 10

    private static func configuration(_ route: Route) throws(UpstreamFailure) -> HTTPClient.Configuration {
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
                authorization: proxy.user.map { .basic(username: $0, password: proxy.password) })
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
