import Testing
import TestSupport
import UsageModel
import Upstream

@testable import Providers

/// Tests of cost by key and refunds from billing records.
@Suite struct WaveSpeedBillingsSourceTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    private let world = WaveSpeedListsWorld()
    private let context = StoredVisit(now: now, days: 2)

    private func sync() async throws {
        try await WaveSpeedBillingsSource(api: world).sync(context)
    }

    private func day(_ ago: Int) -> UTCDay { Self.now.day.advanced(by: -ago) }

    private func cost(_ key: String) -> ExactDecimal { context.sum(.keyCost) { $0 == [key] } }

    @Test("cost by key and refunds are sums over all pages, in each form of their end", arguments: [true, false, nil])
    func sums(endsByTotal: Bool?) async throws {
        world.behave { $0.endsByTotal = endsByTotal }
        world.charge(250, on: day(0))
        world.charge(100, on: day(1), key: "key-2", name: "batch")
        world.edit { records in
            records.append(.init(uuid: "r1", type: "refund", price: "0.25", time: day(0).start, keyName: "web"))
            records.append(.init(uuid: "r2", type: "refund", price: "-0.5", time: day(1).start, keyName: "web"))
        }
        try await sync()
        #expect(cost("web") == ExactDecimal("2.5"))
        #expect(cost("batch") == ExactDecimal(1))
        #expect(context.sum(.refunds) == ExactDecimal("0.75"))
        #expect(context.sum(.cost).isZero)
        // A second sync reads the open day again and counts nothing twice.
        try await sync()
        #expect(cost("web") == ExactDecimal("2.5"))
        #expect(context.sum(.refunds) == ExactDecimal("0.75"))
    }

    @Test("a day is queried in ISO 8601 with its milliseconds, oldest record first")
    func form() async throws {
        try await sync()
        let queries = world.takeQueries()
        let first = try #require(queries.first)
        #expect(first.start_time == "2026-11-20T00:00:00.000Z")
        #expect(first.end_time == "2026-11-20T23:59:59.999Z")
        #expect(first.page_size == 100)
        #expect(first.sort == "created_at ASC")
        #expect(queries.map(\.billing_type) == ["deduct", "refund", "deduct", "refund", "deduct", "refund"])
        // Days without records were read: that is a figure.
        #expect(context.readings.flatMap(\.slices).count == 3)
        #expect(context.readings.flatMap(\.slices).allSatisfy { $0.cells == [Cell(.refunds, [], .zero)] })
    }

    @Test("a key without a name, and keys that share one, are labelled by id")
    func names() async throws {
        world.charge(1, on: day(0), key: "key-1", name: nil)
        world.charge(2, on: day(0), key: "key-2", name: "web")
        world.charge(3, on: day(0), key: "key-3", name: "web")
        world.charge(4, on: day(0), key: "key-4", name: "batch")
        world.edit { $0.append(.init(uuid: "x", price: "0.05", time: day(0).start, keyID: nil)) }
        try await sync()
        let keys = ["key-1": "0.01", "key-2": "0.02", "key-3": "0.03", "batch": "0.04", "": "0.05"]
        for (key, expected) in keys { #expect(cost(key) == ExactDecimal(expected), "\(key)") }
    }

    @Test("a renamed key keeps its label, and a second key with a known name is labelled by id")
    func renamed() async throws {
        world.charge(3, on: day(0))
        try await sync()
        world.edit { records in
            for index in records.indices { records[index].keyName = "renamed" }
        }
        world.charge(1, on: day(0), key: "key-2", name: "web")
        try await sync()
        #expect(cost("web") == ExactDecimal("0.03"))
        #expect(cost("renamed").isZero)
        #expect(cost("key-2") == ExactDecimal("0.01"))
    }

    @Test("a day that the allowance does not finish commits nothing, and the next sync starts with it")
    func allowance() async throws {
        world.charge(2_000, on: day(0))
        world.charge(9_000, on: day(1))
        world.charge(500, on: day(2))
        try await sync()
        #expect(context.sum(.keyCost) == ExactDecimal(20))
        #expect(context.sum(.keyCost, on: day(1)).isZero)
        #expect(world.takeQueries().count <= WaveSpeedBillingsSource.pagesPerSync)
        try await sync()
        #expect(world.takeQueries().first?.start_time.hasPrefix("\(day(1))") == true)
        #expect(context.sum(.keyCost, on: day(1)) == ExactDecimal(90))
        try await sync()
        #expect(context.sum(.keyCost) == ExactDecimal(115))
        #expect(context.remarks.isEmpty)
    }

    @Test("a day of more pages than a sync may read is skipped with a remark", arguments: [true, false])
    func oversized(endsByTotal: Bool) async throws {
        world.behave { $0.endsByTotal = endsByTotal }
        world.charge(10_050, on: day(0))
        world.charge(100, on: day(1))
        if endsByTotal {
            try await sync()
        } else {
            // The pages of this sync are used up, and history that a later sync reads must not be served before.
            await #expect(throws: SyncPostponed.self) { try await sync() }
        }
        #expect(context.sum(.keyCost, on: day(0)).isZero)
        #expect(context.remarks.contains { $0.contains("more than 10000 billing records") })
        try await sync()
        #expect(context.sum(.keyCost) == ExactDecimal(1))
        _ = world.takeQueries()
        try await sync()
        #expect(world.takeQueries().count <= 4)
    }

    @Test("a list that ends before its total, or repeats a page, is not a figure", arguments: ["total", "page"])
    func partial(how: String) async throws {
        world.charge(50, on: day(0))
        try await sync()
        world.charge(100, on: day(0), tag: "more")
        world.behave {
            if how == "total" { $0.surplus = 1 } else { $0.ignoresPage = true }
        }
        await #expect(throws: SourceFailure.self) { try await sync() }
        #expect(context.sum(.keyCost, on: day(0)) == ExactDecimal("0.5"))
    }

    @Test("records outside the queried day are refused: the API ignored the times")
    func strangers() async throws {
        world.charge(5, on: day(1))
        world.behave { $0.ignoresTimes = true }
        await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(context.sum(.keyCost, on: day(0)).isZero)
    }

    @Test("a refund is counted once where the API ignores the type")
    func ignoredType() async throws {
        world.behave { $0.ignoresType = true }
        world.charge(5, on: day(0))
        world.edit { $0.append(.init(uuid: "r", type: "refund", price: "0.02", time: day(0).start, keyName: "web")) }
        try await sync()
        #expect(cost("web") == ExactDecimal("0.05"))
        #expect(context.sum(.refunds) == ExactDecimal("0.02"))
    }

    @Test(
        "an error object with status 200, or a record without a price, changes nothing",
        arguments: ["{}", "null", #"{"error":"x"}"#, #"{"items":[{"uuid":"a","billing_type":"deduct"}]}"#])
    func errorObject(data: String) async throws {
        world.charge(5, on: day(0))
        try await sync()
        world.behave { $0.data = data }
        await #expect(throws: SourceFailure.self) { try await sync() }
        #expect(cost("web") == ExactDecimal("0.05"))
    }
}
