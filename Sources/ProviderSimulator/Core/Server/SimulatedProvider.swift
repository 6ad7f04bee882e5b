import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes
import Synchronization
import UsageModel

/// One provider's API: from a request to an answer, without HTTP around it.
package protocol SimulatedProvider: Sendable {
    /// The provider's name in the exporter's config; the server offers the API under `/<name>`.
    var name: String { get }

    /// The name of the account or key that a bearer token belongs to; nil for an unknown token.
    func account(ofToken token: String) -> String?

    /// The healthy answer. `style` asks for the forms that the provider's documentation also allows.
    func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse

    /// An error in the provider's documented form.
    func error(_ status: Int, _ message: String) -> SimulatedResponse
}

/// A request as a provider's API sees it and as tests find it in the `RequestLog`.
package struct APIRequest: Sendable, Hashable {
    /// When it arrived, by the simulator's clock.
    package let time: Timestamp
    /// `GET`, `POST`, …
    package let method: String
    /// The path that the client asked for, with the provider's name in front: `/wavespeed/api/v3/balance`.
    package let path: String
    /// The path inside the provider's API: `/api/v3/balance`.
    package let endpoint: String
    /// The query's parameters; of a repeated one the last.
    package let query: [String: String]
    /// The body, where it is JSON.
    package let body: JSONValue?
    /// Whose bearer token it carried; nil without a token or with an unknown one. The token itself is not kept.
    package let account: String?

    /// A request.
    package init(
        time: Timestamp, method: String, path: String, endpoint: String, query: [String: String] = [:],
        body: JSONValue? = nil, account: String?
    ) {
        self.time = time
        self.method = method
        self.path = path
        self.endpoint = endpoint
        self.query = query
        self.body = body
        self.account = account
    }

    /// Whether the request is one of a share in percent; the same request at the same time always is or never.
    func isDrawn(percentage: Int, seed: UInt64) -> Bool {
        guard percentage > 0 else { return false }
        let query = query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        let text = endpoint + "?" + query + (body.map { "\($0)" } ?? "")
        var bits = SplitMix64.mixed(seed) ^ UInt64(bitPattern: time.milliseconds)
        for byte in text.utf8 { bits = SplitMix64.mixed(bits ^ UInt64(byte)) }
        var random = SplitMix64(seed: bits)
        return random.below(100) < percentage
    }
}

/// What a provider's API answers.
package struct SimulatedResponse: Sendable, Hashable {
    /// The HTTP status.
    package let status: Int
    /// Headers beyond `Content-Type: application/json`.
    package let headers: HTTPFields
    /// The body.
    package let body: JSONValue

    /// An answer.
    package init(status: Int = 200, headers: HTTPFields = [:], body: JSONValue) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Forms of an answer that a reader has to accept beside the documented example's.
package struct AnswerStyle: OptionSet, Sendable, Hashable {
    /// The set's bits.
    package let rawValue: Int

    /// A set by its bits.
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Every number is in quotes.
    package static let numbersAsStrings = AnswerStyle(rawValue: 1)
    /// Fields that the provider may leave out are left out.
    package static let withoutOptionalFields = AnswerStyle(rawValue: 2)
    /// Arrays come in no particular order, a different one each time.
    package static let shuffledArrays = AnswerStyle(rawValue: 4)
}

/// Gives responses the `Date` of the simulated clock, where the server would give that of the machine.
final class SimulatedDate: ChannelOutboundHandler, RemovableChannelHandler, Sendable {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let clock: any WallClock
    private let offset: DateOffset

    init(clock: any WallClock, offset: DateOffset) {
        self.clock = clock
        self.offset = offset
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        head.headerFields[.date] = offset.value.map { HTTPDate.text(clock.now + $0) }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}

/// How far the providers' clock is from the simulated one: tests set it wrong.
package final class DateOffset: Sendable {
    private let offset = Mutex<Duration?>(.zero)

    init() {}

    /// The providers' clock minus the simulated one; nil where responses have no `Date`.
    package var value: Duration? {
        get { offset.withLock { $0 } }
        set { offset.withLock { $0 = newValue } }
    }
}
