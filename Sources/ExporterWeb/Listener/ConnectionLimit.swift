import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Limits the open connections of all listeners together, so that descriptors remain for storage and upstream.
///
/// At the limit a new connection replaces the oldest one that has sent no request or is idle between requests, or waits
/// in the kernel's backlog if there is no such connection.
final class ConnectionLimit: Sendable {
    /// Connections allowed beyond the limit while those that make room for them are being closed.
    static let excess = 16
    /// Minimum interval between two warnings.
    private static let warningInterval = Duration.seconds(60)

    private struct State {
        var table = ConnectionTable()
        var channels: [ObjectIdentifier: any Channel] = [:]
        /// Callbacks of listeners that wait for room.
        var waiting: [ObjectIdentifier: @Sendable () -> Void] = [:]
        var warnedAt: ContinuousClock.Instant?
        var closed = 0
    }

    /// Whether a listener may accept.
    enum Admission {
        case now
        /// The listener waits for its callback, or until the time at which a connection can be closed to make room.
        case wait(until: ContinuousClock.Instant?)
    }

    let maximum: Int
    /// The name of the limit, for the log.
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
    /// - Parameter onRoom: called once, on any thread, when a connection has closed, if the listener has to wait.
    func admission(of listener: ObjectIdentifier, onRoom: @escaping @Sendable () -> Void) -> Admission {
        let now = ContinuousClock.now
        let (admission, oldest) = state.withLockedValue { state -> (Admission, (any Channel)?) in
            // One that was within its grace when room was needed.
            let oldest = takeOldest(&state, at: now)
            if state.table.count < maximum { return (.now, oldest) }
            let room = state.table.nextRoom()
            if let room, room <= now, state.table.count < maximum + Self.excess { return (.now, oldest) }
            state.waiting[listener] = onRoom
            // If one can be closed already, those that are being closed have to end first.
            return (.wait(until: room.flatMap { $0 > now ? $0 : nil }), oldest)
        }
        oldest?.closeAtOnce()
        return admission
    }

    /// Counts an accepted connection until it closes, and closes the oldest if there are too many.
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
                "connection limit reached; idle connections are closed to make room",
                metadata: ["limit": "\(maximum)", "of": "\(name)", "closed": "\(closed)"])
        }
    }

    private func takeOldest(_ state: inout State, at now: ContinuousClock.Instant) -> (any Channel)? {
        guard state.table.remaining > maximum, let oldest = state.table.takeOldest(at: now) else { return nil }
        state.closed += 1
        return state.channels[oldest]
    }

    /// Marks a connection as not idle until `end`, after its whole request was received.
    func begin(_ channel: any Channel) {
        state.withLockedValue { $0.table.begin(ObjectIdentifier(channel), at: .now) }
    }

    /// Records that a connection's response was sent.
    func end(_ channel: any Channel) {
        state.withLockedValue { $0.table.end(ObjectIdentifier(channel), at: .now) }
    }
}

/// Accepts connections only while the limit allows it; others wait in the kernel's backlog.
///
/// A handler for a listening channel, which must accept one connection per read.
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

/// Open connections of all listeners, in the order in which they are closed to make room. The caller passes the time.
///
/// Each change appends a mark to a queue and invalidates the connection's older mark, so that no operation iterates
/// over all connections.
struct ConnectionTable {
    /// Phases of a connection, in the order in which they are closed to make room.
    enum Phase: Int, CaseIterable {
        /// It has not sent a whole request yet.
        case unused
        /// It waits for the next request.
        case idle
        /// A response is being made or sent.
        case responding

        /// Time that a connection must have been in the phase before it can be closed to make room.
        ///
        /// A new connection needs a round trip for its request, two over TLS. If a response takes longer than
        /// Prometheus' default scrape timeout, its client does not read it.
        var grace: Duration {
            switch self {
            case .unused, .idle: .milliseconds(100)
            case .responding: .seconds(10)
            }
        }
    }

    private struct Connection {
        /// More than one with HTTP/2.
        var responses = 0
        /// Number of the valid mark in the queues.
        var mark: UInt64
        /// Whether it was chosen to make room, and is not closed yet.
        var isClosing = false
    }

    private struct Mark {
        let id: ObjectIdentifier
        let number: UInt64
        let since: ContinuousClock.Instant
    }

    private var connections: [ObjectIdentifier: Connection] = [:]
    /// One for each phase, oldest first from `heads` on.
    private var queues = Phase.allCases.map { _ in [Mark]() }
    private var heads = Phase.allCases.map { _ in 0 }
    private var marks: UInt64 = 0
    private var closing = 0

    /// Connections that hold a descriptor.
    var count: Int { connections.count }

    /// Connections that were not chosen to be closed.
    var remaining: Int { connections.count - closing }

    mutating func add(_ id: ObjectIdentifier, at now: ContinuousClock.Instant) {
        connections[id] = Connection(mark: 0)
        enter(.unused, id, at: now)
    }

    /// Records that a whole request was received.
    mutating func begin(_ id: ObjectIdentifier, at now: ContinuousClock.Instant) {
        guard let connection = connections[id] else { return }
        connections[id]?.responses += 1
        if connection.responses == 0 { enter(.responding, id, at: now) }
    }

    /// Records that a response was sent.
    mutating func end(_ id: ObjectIdentifier, at now: ContinuousClock.Instant) {
        guard let connection = connections[id], connection.responses > 0 else { return }
        connections[id]?.responses -= 1
        if connection.responses == 1 { enter(.idle, id, at: now) }
    }

    mutating func remove(_ id: ObjectIdentifier) {
        if connections.removeValue(forKey: id)?.isClosing == true { closing -= 1 }
    }

    /// Chooses the connection to close; nil if all are within their phase's grace.
    mutating func takeOldest(at now: ContinuousClock.Instant) -> ObjectIdentifier? {
        for phase in Phase.allCases {
            guard let mark = first(of: phase), mark.since + phase.grace <= now else { continue }
            connections[mark.id]?.isClosing = true
            closing += 1
            heads[phase.rawValue] += 1
            return mark.id
        }
        return nil
    }

    /// Time at which `takeOldest` next returns a connection; nil if there is none left to choose.
    mutating func nextRoom() -> ContinuousClock.Instant? {
        var next: ContinuousClock.Instant?
        for phase in Phase.allCases {
            guard let room = first(of: phase).map({ $0.since + phase.grace }) else { continue }
            next = min(next ?? room, room)
        }
        return next
    }

    private mutating func enter(_ phase: Phase, _ id: ObjectIdentifier, at now: ContinuousClock.Instant) {
        marks += 1
        connections[id]?.mark = marks
        queues[phase.rawValue].append(Mark(id: id, number: marks, since: now))
        if queues[phase.rawValue].count > 2 * connections.count + 64 { compact(phase) }
    }

    /// Returns the oldest valid mark of a phase, and skips those before it.
    private mutating func first(of phase: Phase) -> Mark? {
        let queue = queues[phase.rawValue]
        while heads[phase.rawValue] < queue.count {
            let mark = queue[heads[phase.rawValue]]
            if isValid(mark) { return mark }
            heads[phase.rawValue] += 1
        }
        return nil
    }

    private func isValid(_ mark: Mark) -> Bool {
        guard let connection = connections[mark.id] else { return false }
        return connection.mark == mark.number && !connection.isClosing
    }

    private mutating func compact(_ phase: Phase) {
        queues[phase.rawValue] = queues[phase.rawValue].dropFirst(heads[phase.rawValue]).filter(isValid)
        heads[phase.rawValue] = 0
    }
}
