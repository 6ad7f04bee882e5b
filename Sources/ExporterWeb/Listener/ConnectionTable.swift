/// The open connections of all listeners, and which of them is closed first when there are too many: a pure value that is
/// given the time.
///
/// Each change appends to a queue and leaves the older mark of the connection behind, so that no operation looks at every
/// connection.
struct ConnectionTable {
    /// Phases of a connection, in the order in which they are closed to make room.
    enum Phase: Int, CaseIterable {
        /// It has not sent a whole request yet.
        case unused
        /// It waits for the next request.
        case idle
        /// A response is being made or sent.
        case responding

        /// How long a connection may stay in the phase before it can be closed to make room.
        ///
        /// A new connection needs a round trip for its request, two over TLS. A response that takes longer than
        /// Prometheus' default scrape timeout is one that its client does not read.
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
        /// The mark in the queues that is valid.
        var mark: UInt64
        /// It was chosen to make room, and is not closed yet.
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

    /// Connections of which none was chosen to be closed.
    var remaining: Int { connections.count - closing }

    /// Adds a connection that was accepted.
    mutating func add(_ id: ObjectIdentifier, at now: ContinuousClock.Instant) {
        connections[id] = Connection(mark: 0)
        enter(.unused, id, at: now)
    }

    /// A whole request of a connection has come.
    mutating func begin(_ id: ObjectIdentifier, at now: ContinuousClock.Instant) {
        guard let connection = connections[id] else { return }
        connections[id]?.responses += 1
        if connection.responses == 0 { enter(.responding, id, at: now) }
    }

    /// The response to a request has gone.
    mutating func end(_ id: ObjectIdentifier, at now: ContinuousClock.Instant) {
        guard let connection = connections[id], connection.responses > 0 else { return }
        connections[id]?.responses -= 1
        if connection.responses == 1 { enter(.idle, id, at: now) }
    }

    /// Removes a connection that is closed.
    mutating func remove(_ id: ObjectIdentifier) {
        if connections.removeValue(forKey: id)?.isClosing == true { closing -= 1 }
    }

    /// Chooses the connection to close; nil where every one is younger than its phase's grace.
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

    /// When `takeOldest` next has a result; nil where there is no connection left to choose.
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

    /// The oldest mark of a phase that is valid; those before it are dropped.
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
