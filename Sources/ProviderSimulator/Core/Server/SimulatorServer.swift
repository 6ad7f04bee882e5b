import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import UsageModel

/// Serves the simulated providers over HTTP on 127.0.0.1.
///
/// Each provider's API is served under `/<provider>`: `http://127.0.0.1:40123/wavespeed` replaces
/// `https://api.wavespeed.ai`. In a test:
/// ```swift
/// try await withSimulator([WaveSpeedAPI(accounts: [account])], clock: clock) { server, baseURL in
///     server.faults.queue(.status(503), at: "/wavespeed")
///     // … requests to baseURL + "/wavespeed/api/v3/balance"
///     #expect(server.log.count("/wavespeed/api/v3/balance") == 2)
/// }
/// ```
/// In `demo` it runs as one of the services. Shutdown closes every connection immediately.
package final class SimulatorServer: Service {
    /// Faults to inject.
    package let faults: FaultPlan
    /// Received requests.
    package let log: RequestLog
    /// The providers' clock, as in the `Date` of responses.
    package let date = DateOffset()

    private let providers: [String: any SimulatedProvider]
    private let clock: any WallClock
    private let port: Int
    private let bound = AsyncValue<Result<String, any Error>>()

    /// Creates a server without binding it. `clock` provides request times and paces slow responses; port 0 selects a
    /// free port. If two providers share a name, the later one is served.
    package init(_ providers: [any SimulatedProvider], clock: any WallClock, port: Int = 0) {
        self.providers = Dictionary(providers.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.clock = clock
        self.port = port
        faults = FaultPlan()
        log = RequestLog()
    }

    /// `http://127.0.0.1:<port>`, once the server listens.
    ///
    /// - Throws: the error that kept the server from listening, or `CancellationError`.
    package var baseURL: String {
        get async throws { try await bound.value().get() }
    }

    /// Serves until the task is cancelled or graceful shutdown is triggered; call it only once.
    ///
    /// - Throws: `IOError` where the port cannot be bound.
    package func run() async throws {
        // Simulator messages do not belong in the exporter's log.
        let logger = Logger(label: "simulator", factory: { _ in SwiftLogNoOpLogHandler() })
        let (clock, date) = (clock, date)
        let application = Application(
            responder: SimulatorResponder(providers: providers, faults: faults, log: log, clock: clock),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [SimulatedDate(clock: clock, offset: date)])),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { [bound] channel in
                guard let port = channel.localAddress?.port else { return }
                bound.send(.success("http://127.0.0.1:\(port)"))
            },
            logger: logger)
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        // Hanging and endless responses are cut off, but only after the listener is closed: cancelling a server that
        // has accepted connections in its queue fails a precondition in NIO.
        configuration.maximumGracefulShutdownDuration = .milliseconds(50)
        let group = ServiceGroup(configuration: configuration)
        let serving = Task { try await group.run() }
        let stop: @Sendable () -> Void = { Task { await group.triggerGracefulShutdown() } }
        // Fails callers that still wait for the base URL; ignored if it was already sent.
        defer { bound.send(.failure(CancellationError())) }
        do {
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler(
                    operation: { try await serving.value }, onGracefulShutdown: stop)
            } onCancel: {
                stop()
            }
        } catch is CancellationError {
            // Normal shutdown.
        } catch {
            bound.send(.failure(error))
            throw error
        }
    }
}

/// Runs a server on a free port for the duration of `body`, which receives the server and its base URL.
///
/// - Throws: the error of `body`, or the one that kept the server from listening.
package func withSimulator<Value>(
    _ providers: [any SimulatedProvider], clock: any WallClock,
    _ body: (SimulatorServer, String) async throws -> Value
) async throws -> Value {
    let server = SimulatorServer(providers, clock: clock)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        // Leaving the group with an error cancels the server as well.
        let value = try await body(server, try await server.baseURL)
        group.cancelAll()
        try await group.waitForAll()
        return value
    }
}

/// The connection of a request, so that a fault can close it.
struct SimulatorContext: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }
}

/// Logs a request, applies the fault plan, and responds.
struct SimulatorResponder: HTTPResponder {
    /// Larger than any documented request.
    private static let largestBody = 1 << 20

    let providers: [String: any SimulatedProvider]
    let faults: FaultPlan
    let log: RequestLog
    let clock: any WallClock

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        let path = request.uri.path
        let name = path.split(separator: "/", maxSplits: 1).first.map(String.init) ?? ""
        guard let provider = providers[name] else { return Response(status: .notFound) }
        let bytes = try await request.body.collect(upTo: Self.largestBody)
        let apiRequest = APIRequest(
            time: clock.now,
            method: request.method.rawValue,
            path: path,
            endpoint: String(path.dropFirst(name.count + 1)),
            query: Self.query(request),
            headers: Dictionary(
                request.headers.filter { !Self.tokenFields.contains($0.name) }.map {
                    ($0.name.canonicalName, $0.value)
                },
                uniquingKeysWith: { $1 }),
            body: try? JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView)),
            account: Self.token(request).flatMap(provider.account(ofToken:)))
        let ordinal = log.record(apiRequest)
        let exchange = Exchange(
            request: apiRequest, provider: provider, ordinal: ordinal, channel: context.channel, clock: clock)
        guard let fault = faults.next(for: path) else { return exchange.healthy() }
        return try await fault.response(in: exchange, plan: faults)
    }

    private static let apiKey = HTTPField.Name("x-api-key")
    private static let tokenFields = Set([HTTPField.Name.authorization, apiKey].compactMap { $0 })

    private static func token(_ request: Request) -> String? {
        if let apiKey, let key = request.headers[apiKey] { return key }
        guard let value = request.headers[.authorization], value.lowercased().hasPrefix("bearer ") else { return nil }
        return String(value.dropFirst("bearer ".count))
    }

    private static func query(_ request: Request) -> [String: String] {
        var query: [String: String] = [:]
        for (encoded, value) in request.uri.queryParameters {
            let name = encoded.removingPercentEncoding ?? String(encoded)
            if name.hasSuffix("[]"), let earlier = query[name] {
                query[name] = "\(earlier),\(value)"
            } else {
                query[name] = String(value)
            }
        }
        return query
    }
}

/// One request and the data needed to respond to it.
struct Exchange: Sendable {
    let request: APIRequest
    let provider: any SimulatedProvider
    /// The number of earlier requests to the server; seeds the shuffling of this response.
    let ordinal: Int
    let channel: any Channel
    let clock: any WallClock

    /// The provider's own response in bytes.
    func healthyBody(_ style: AnswerStyle) -> (status: HTTPResponse.Status, headers: HTTPFields, bytes: [UInt8]) {
        let response = provider.answer(request, style: style)
        var body = response.body
        if style.contains(.shuffledArrays) {
            var random = SplitMix64(seed: UInt64(ordinal))
            body = body.shuffled(using: &random)
        }
        var headers = response.headers
        headers[.contentType] = "application/json"
        return (
            HTTPResponse.Status(code: response.status), headers,
            body.encoded(numbersAsStrings: style.contains(.numbersAsStrings))
        )
    }

    /// The provider's own response.
    func healthy(_ style: AnswerStyle = []) -> Response {
        let (status, headers, bytes) = healthyBody(style)
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
