import Foundation
import Hummingbird
import NIOCore
import UsageModel

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
