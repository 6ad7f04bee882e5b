import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes
import Synchronization
import UsageModel

/// One provider's API: maps a request to a response, without HTTP.
package protocol SimulatedProvider: Sendable {
    /// The provider's name in the exporter's config; the server serves the API under `/<name>`.
    var name: String { get }

    /// The name of the account or key that a token belongs to; nil for an unknown token.
    func account(ofToken token: String) -> String?

    /// The healthy response. `style` selects forms that the provider's documentation also allows.
    func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse

    /// An error in the provider's documented form.
    func error(_ status: Int, _ message: String) -> SimulatedResponse
}

/// A request as a provider's API receives it and as the `RequestLog` keeps it.
package struct APIRequest: Sendable, Hashable {
    /// Arrival time, by the simulator's clock.
    package let time: Timestamp
    /// `GET`, `POST`, …
    package let method: String
    /// The requested path, including the provider's name: `/wavespeed/api/v3/balance`.
    package let path: String
    /// The path inside the provider's API: `/api/v3/balance`.
    package let endpoint: String
    /// The query parameters; the last value of a repeated one, but all values of a list (`group_by[]`), joined by commas.
    package let query: [String: String]
    /// The header fields besides the token, by name in lower case.
    package let headers: [String: String]
    /// The body if it is JSON.
    package let body: JSONValue?
    /// The account of the token (`Authorization: Bearer` or `x-api-key`); nil without a token or with an unknown one. The token
    /// itself is not kept.
    package let account: String?

    package init(
        time: Timestamp, method: String, path: String, endpoint: String, query: [String: String] = [:],
        headers: [String: String] = [:], body: JSONValue? = nil, account: String?
    ) {
        self.time = time
        self.method = method
        self.path = path
        self.endpoint = endpoint
        self.query = query
        self.headers = headers
        self.body = body
        self.account = account
    }

    /// Whether the request belongs to a random share, in percent. The result depends only on the request, its time and
    /// the seed.
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

/// A response of a provider's API.
package struct SimulatedResponse: Sendable, Hashable {
    package let status: Int
    /// Headers besides `Content-Type: application/json`.
    package let headers: HTTPFields
    package let body: JSONValue

    package init(status: Int = 200, headers: HTTPFields = [:], body: JSONValue) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Forms of a response that a client has to accept besides that of the documented example.
package struct AnswerStyle: OptionSet, Sendable, Hashable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Every number is in quotes.
    package static let numbersAsStrings = AnswerStyle(rawValue: 1)
    /// Optional fields are omitted.
    package static let withoutOptionalFields = AnswerStyle(rawValue: 2)
    /// Arrays come in a different random order each time.
    package static let shuffledArrays = AnswerStyle(rawValue: 4)
}

/// Sets the `Date` of responses from the simulated clock instead of the machine's.
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

/// The skew of the providers' clock, set by tests.
package final class DateOffset: Sendable {
    private let offset = Mutex<Duration?>(.zero)

    init() {}

    /// The providers' clock minus the simulated one; nil omits `Date` from responses.
    package var value: Duration? {
        get { offset.withLock { $0 } }
        set { offset.withLock { $0 = newValue } }
    }
}
