import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import UsageModel

/// The simulated providers over real HTTP on 127.0.0.1.
///
/// Each provider's API is found under `/<provider>`: `http://127.0.0.1:40123/wavespeed` stands in for
/// `https://api.wavespeed.ai`. In a test:
/// ```swift
/// try await withSimulator([WaveSpeedAPI(accounts: [account])], clock: clock) { server, baseURL in
///     server.faults.queue(.status(503), at: "/wavespeed")
///     // … requests to baseURL + "/wavespeed/api/v3/balance"
///     #expect(server.log.count("/wavespeed/api/v3/balance") == 2)
/// }
/// ```
/// In `demo` it runs as a service beside the others. A stop closes every connection at once, whatever it waits for.
package final class SimulatorServer: Service {
    /// What goes wrong, and where.
    package let faults: FaultPlan
    /// What was asked.
    package let log: RequestLog
    /// The providers' clock, as the `Date` of responses shows it.
    package let date = DateOffset()

    private let providers: [String: any SimulatedProvider]
    private let clock: any WallClock
    private let port: Int
    private let bound = AsyncValue<Result<String, any Error>>()

    /// A server that is not bound yet. `clock` gives the requests' times and paces slow answers; port 0 is a free one.
    /// Of two providers of one name the later is served.
    package init(_ providers: [any SimulatedProvider], clock: any WallClock, port: Int = 0) {
        self.providers = Dictionary(providers.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.clock = clock
        self.port = port
        faults = FaultPlan()
        log = RequestLog()
    }

    /// `http://127.0.0.1:<port>`, once the server listens.
    ///
    /// - Throws: what kept the server from listening, or `CancellationError`.
    package var baseURL: String {
        get async throws { try await bound.value().get() }
    }

    /// Serves until the task is cancelled or the service is asked to shut down; call it once.
    ///
    /// - Throws: `IOError` where the port cannot be bound.
    package func run() async throws {
        // The exporter's log is about the exporter.
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
        // Hanging and endless answers are cut off. First the listener is closed, though: a server that is cancelled
        // with accepted connections in its queue is ended by a precondition of NIO's.
        configuration.maximumGracefulShutdownDuration = .milliseconds(50)
        let group = ServiceGroup(configuration: configuration)
        let serving = Task { try await group.run() }
        let stop: @Sendable () -> Void = { Task { await group.triggerGracefulShutdown() } }
        // Whoever still waits for the base URL by then waits in vain; once it is sent, this is dropped.
        defer { bound.send(.failure(CancellationError())) }
        do {
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler(
                    operation: { try await serving.value }, onGracefulShutdown: stop)
            } onCancel: {
                stop()
            }
        } catch is CancellationError {
            // How a stop ends, not a failure.
        } catch {
            bound.send(.failure(error))
            throw error
        }
    }
}

/// Runs a server on a free port for as long as `body` takes; `body` gets the server and its base URL.
///
/// - Throws: what `body` throws, or what kept the server from listening.
package func withSimulator<Value>(
    _ providers: [any SimulatedProvider], clock: any WallClock,
    _ body: (SimulatorServer, String) async throws -> Value
) async throws -> Value {
    let server = SimulatorServer(providers, clock: clock)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        // Leaving the group by an error cancels the server as well.
        let value = try await body(server, try await server.baseURL)
        group.cancelAll()
        try await group.waitForAll()
        return value
    }
}

/// The connection that a request came over, so that a fault can break it.
struct SimulatorContext: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }
}

/// Reads a request, writes it down, asks the fault plan, and answers.
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
        let asked = APIRequest(
            time: clock.now,
            method: request.method.rawValue,
            path: path,
            endpoint: String(path.dropFirst(name.count + 1)),
            query: Dictionary(
                request.uri.queryParameters.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { $1 }),
            body: try? JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView)),
            account: Self.bearerToken(request).flatMap(provider.account(ofToken:)))
        let ordinal = log.record(asked)
        let exchange = Exchange(
            request: asked, provider: provider, ordinal: ordinal, channel: context.channel, clock: clock)
        guard let fault = faults.next(for: path) else { return exchange.healthy() }
        return try await fault.response(in: exchange, plan: faults)
    }

    private static func bearerToken(_ request: Request) -> String? {
        guard let value = request.headers[.authorization], value.lowercased().hasPrefix("bearer ") else { return nil }
        return String(value.dropFirst("bearer ".count))
    }
}

/// One request with everything that its answer may need.
struct Exchange: Sendable {
    let request: APIRequest
    let provider: any SimulatedProvider
    /// How many requests the server had before: the seed of this answer's shuffling.
    let ordinal: Int
    let channel: any Channel
    let clock: any WallClock

    /// The provider's own answer in bytes.
    func healthyBody(_ style: AnswerStyle) -> (status: HTTPResponse.Status, headers: HTTPFields, bytes: [UInt8]) {
        let answer = provider.answer(request, style: style)
        var body = answer.body
        if style.contains(.shuffledArrays) {
            var random = SplitMix64(seed: UInt64(ordinal))
            body = body.shuffled(using: &random)
        }
        var headers = answer.headers
        headers[.contentType] = "application/json"
        return (
            HTTPResponse.Status(code: answer.status), headers,
            body.encoded(numbersAsStrings: style.contains(.numbersAsStrings))
        )
    }

    /// The provider's own answer.
    func healthy(_ style: AnswerStyle = []) -> Response {
        let (status, headers, bytes) = healthyBody(style)
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
