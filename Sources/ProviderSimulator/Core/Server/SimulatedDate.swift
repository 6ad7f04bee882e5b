import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Synchronization
import UsageModel

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
        head.headerFields[.date] = offset.value.map { (clock.now + $0).httpDate }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}

/// How far the providers' clock is from the simulated one: tests set it wrong.
public final class DateOffset: Sendable {
    private let offset = Mutex<Duration?>(.zero)

    init() {}

    /// The providers' clock minus the simulated one; nil where responses have no `Date`.
    public var value: Duration? {
        get { offset.withLock { $0 } }
        set { offset.withLock { $0 = newValue } }
    }
}
