import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Bounds the open connections of all listeners together, so that descriptors are left for storage and upstream.
///
/// At the bound a new connection takes the place of the oldest that has sent no request or waits for its next one; where
/// there is none, new connections wait in the kernel's backlog.
final class ConnectionLimit: Sendable {
    /// Connections beyond the bound for as long as those that make room for them are being closed.
    static let excess = 16
    /// The shortest time between two warnings.
    private static let warningInterval = Duration.seconds(60)

    private struct State {
        var table = ConnectionTable()
        var channels: [ObjectIdentifier: any Channel] = [:]
        /// Listeners that wait for room.
        var waiting: [ObjectIdentifier: @Sendable () -> Void] = [:]
        var warnedAt: ContinuousClock.Instant?
        var closed = 0
    }

    /// Whether a listener may accept.
    enum Admission {
        case now
        /// It is called when a connection has closed; a connection may be closed to make room at the given time.
        case wait(until: ContinuousClock.Instant?)
    }

    let maximum: Int
    /// What sets it, for the log.
    private let name: String
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    /// - Parameter maximum: connections that may be open.
    init(_ maximum: Int, of name: String, logger: Logger) {
        self.maximum = maximum
        self.name = name
        self.logger = logger
    }

    /// Whether a listener may accept one more connection now.
    ///
    /// - Parameter onRoom: called once, on any thread, when a connection has closed; only where it has to wait.
    func admission(of listener: ObjectIdentifier, onRoom: @escaping @Sendable () -> Void) -> Admission {
        let now = ContinuousClock.now
        let (admission, oldest) = state.withLockedValue { state -> (Admission, (any Channel)?) in
            // One that was too young when it was needed.
            let oldest = takeOldest(&state, at: now)
            if state.table.count < maximum { return (.now, oldest) }
            let room = state.table.nextRoom()
            if let room, room <= now, state.table.count < maximum + Self.excess { return (.now, oldest) }
            state.waiting[listener] = onRoom
            // What can be closed already waits for the end of those that are being closed.
            return (.wait(until: room.flatMap { $0 > now ? $0 : nil }), oldest)
        }
        oldest?.closeAtOnce()
        return admission
    }

    /// Counts an accepted connection until it closes, and closes the oldest where there are too many.
    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let now = ContinuousClock.now
        let (oldest, closed) = state.withLockedValue { state -> ((any Channel)?, Int?) in
            state.table.add(id, at: now)
            state.channels[id] = channel
            guard let oldest = takeOldest(&state, at: now) else { return (nil, nil) }
            if let warnedAt = state.warnedAt, now - warnedAt < Self.warningInterval { return (oldest, nil) }
            state.warnedAt = now
            defer { state.closed = 0 }
            return (oldest, state.closed)
        }
        channel.closeFuture.whenComplete { [self] _ in
            let waiting = state.withLockedValue { state in
                state.table.remove(id)
                state.channels[id] = nil
                defer { state.waiting = [:] }
                return state.waiting
            }
            for onRoom in waiting.values { onRoom() }
        }
        oldest?.closeAtOnce()
        if let closed {
            logger.warning(
                "as many connections are open as allowed; idle ones are closed to make room",
                metadata: ["limit": "\(maximum)", "of": "\(name)", "closed": "\(closed)"])
        }
    }

    private func takeOldest(_ state: inout State, at now: ContinuousClock.Instant) -> (any Channel)? {
        guard state.table.remaining > maximum, let oldest = state.table.takeOldest(at: now) else { return nil }
        state.closed += 1
        return state.channels[oldest]
    }

    /// A connection's whole request has come: until `end` it is not idle.
    func begin(_ channel: any Channel) {
        state.withLockedValue { $0.table.begin(ObjectIdentifier(channel), at: .now) }
    }

    /// The response to a connection's request has gone.
    func end(_ channel: any Channel) {
        state.withLockedValue { $0.table.end(ObjectIdentifier(channel), at: .now) }
    }
}

/// Accepts connections only while the limit allows it: what waits meanwhile is in the kernel's backlog.
///
/// It stands in the pipeline of a listening channel, which must accept one connection a read.
final class ConnectionAdmission: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    private let limit: ConnectionLimit
    private var isWaiting = false
    private var retry: Scheduled<Void>?

    init(_ limit: ConnectionLimit) {
        self.limit = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        limit.add(unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        let (loop, this) = (context.eventLoop, NIOLoopBound((self, context), eventLoop: context.eventLoop))
        let admission = limit.admission(of: ObjectIdentifier(self)) {
            loop.execute {
                let (handler, context) = this.value
                handler.readAgain(context)
            }
        }
        switch admission {
        case .now:
            context.read()
        case .wait(let room):
            isWaiting = true
            retry?.cancel()
            retry = room.map { room in
                loop.scheduleTask(in: .init(max(.milliseconds(1), room - .now))) {
                    let (handler, context) = this.value
                    handler.readAgain(context)
                }
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopWaiting()
        context.fireChannelInactive()
    }

    private func readAgain(_ context: ChannelHandlerContext) {
        guard isWaiting else { return }
        stopWaiting()
        read(context: context)
    }

    private func stopWaiting() {
        isWaiting = false
        retry?.cancel()
        retry = nil
    }
}
