import Testing

@testable import ExporterWeb

@Suite struct ConnectionTableTests {
    private final class Connection {}

    private let start = ContinuousClock.now
    private let connections = (0..<4).map { _ in Connection() }

    private func id(_ number: Int) -> ObjectIdentifier { ObjectIdentifier(connections[number]) }

    /// A table with all connections, opened at intervals of a second.
    private var table: ConnectionTable {
        var table = ConnectionTable()
        for number in connections.indices { table.add(id(number), at: start + .seconds(number)) }
        return table
    }

    @Test("connections without a request are closed first, from the oldest, each once") func unusedFirst() {
        var table = table
        table.begin(id(0), at: start + .seconds(4))
        table.end(id(0), at: start + .seconds(5))
        table.begin(id(2), at: start + .seconds(6))
        let now = start + .seconds(20)
        let order = (0..<5).map { _ in table.takeOldest(at: now) }
        #expect(order == [id(1), id(3), id(0), id(2), nil])
        #expect(table.count == 4)
        #expect(table.remaining == 0)
        for number in connections.indices { table.remove(id(number)) }
        #expect(table.count == 0)
        #expect(table.remaining == 0)
        #expect(table.nextRoom() == nil)
    }

    @Test("a new connection is kept for a round trip, and an active one for its response") func grace() {
        var table = ConnectionTable()
        table.add(id(0), at: start)
        #expect(table.takeOldest(at: start + .milliseconds(99)) == nil)
        #expect(table.nextRoom() == start + .milliseconds(100))
        table.begin(id(0), at: start + .milliseconds(99))
        // A second stream of the same connection.
        table.begin(id(0), at: start + .seconds(5))
        table.end(id(0), at: start + .seconds(6))
        #expect(table.takeOldest(at: start + .seconds(10)) == nil)
        #expect(table.nextRoom() == start + .milliseconds(10_099))
        table.end(id(0), at: start + .seconds(7))
        #expect(table.takeOldest(at: start + .milliseconds(7_099)) == nil)
        #expect(table.takeOldest(at: start + .milliseconds(7_100)) == id(0))
    }

    @Test("of many requests of a connection only the last one counts") func manyRequests() {
        var table = table
        for step in 0..<10_000 {
            table.begin(id(1), at: start + .milliseconds(step))
            table.end(id(1), at: start + .milliseconds(step))
        }
        let now = start + .seconds(30)
        let order = (0..<5).map { _ in table.takeOldest(at: now) }
        #expect(order == [id(0), id(2), id(3), id(1), nil])
    }
}
