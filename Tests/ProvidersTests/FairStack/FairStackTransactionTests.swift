import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `GET /v1/usage/transactions`: rows, pages, and their assignment to days.
@Suite struct FairStackTransactionTests {
    /// The example response in FairStack's documentation, verbatim.
    static let example = """
        {
          "transactions": [
            {
              "id": "gen_abc123",
              "type": "generation",
              "model": "z-image-turbo",
              "modality": "image",
              "cost": { "micro": 4000, "display": "$0.004" },
              "status": "completed",
              "created_at": "2026-03-10T14:30:00Z"
            },
            {
              "id": "job_def456",
              "type": "generation",
              "model": "wan-2-1-t2v",
              "modality": "video",
              "cost": { "micro": 48000, "display": "$0.048" },
              "status": "completed",
              "created_at": "2026-03-10T14:25:00Z"
            },
            {
              "id": "txn_topup_789",
              "type": "top_up",
              "cost": { "micro": -10000000, "display": "-$10.00" },
              "status": "completed",
              "created_at": "2026-03-01T10:00:00Z"
            }
          ],
          "has_more": true,
          "cursor": "cursor_xyz"
        }
        """

    private func page(_ json: String) throws -> FairStackPage {
        try FairStackBody<FairStackPage>.payload(of: answer(json))
    }

    private func meaning(_ fields: String) throws -> FairStackTransactionRow.Meaning {
        let page = try page(
            "{\"transactions\":[{\"id\":\"t\",\"created_at\":\"2026-03-10T14:30:00Z\",\(fields)}]}")
        return FairStackTransactionRow(try #require(page.transactions.values.first)).meaning
    }

    @Test func exampleOfTheDocumentationIsReadFieldByField() throws {
        for json in [Self.example, "{\"request_id\":\"r\",\"data\":\(Self.example)}"] {
            let page = try page(json)
            let found = page.transactions.values.map(FairStackTransactionRow.init)
            #expect(found.map(\.id) == ["gen_abc123", "job_def456", "txn_topup_789"])
            #expect(
                found.map(\.createdAt)
                    == ["2026-03-10T14:30:00Z", "2026-03-10T14:25:00Z", "2026-03-01T10:00:00Z"].map { Timestamp($0) })
            #expect(found.map(\.meaning) == [.nothing, .nothing, .topUp(ExactDecimal(10))])
            #expect(
                found.map(\.model) == [
                    .init(id: "z-image-turbo", modality: "image"), .init(id: "wan-2-1-t2v", modality: "video"), nil,
                ])
            #expect(page.nextCursor == "cursor_xyz")
            #expect(found.cells == [Cell(.topups, [], ExactDecimal(10))])
        }
    }

    @Test func statusAndTypeDetermineTheMeaningOfATransaction() throws {
        #expect(try meaning("\"type\":\"generation\",\"status\":\"failed\",\"model\":\"m\"") == .failure(model: "m"))
        #expect(try meaning("\"type\":\"generation\",\"status\":\"refunded\",\"model\":null") == .failure(model: ""))
        #expect(try meaning("\"type\":\"generation\",\"status\":\"Processing\"") == .pending)
        #expect(try meaning("\"type\":\"generation\",\"status\":\"partial\",\"model\":\"m\"") == .nothing)
        #expect(try meaning("\"type\":\"generation\",\"status\":\"cancelled\",\"model\":\"m\"") == .nothing)
        #expect(try meaning("\"type\":\"generation\",\"status\":\"Canceled\",\"model\":\"m\"") == .nothing)
        #expect(try meaning("\"type\":\"top_up\",\"cost\":{\"micro\":-5},\"status\":\"cancelled\"") == .nothing)
        #expect(try meaning("\"type\":\"generation\"") == .nothing)
        #expect(try meaning("\"type\":\"refund\",\"cost\":{\"micro\":\"-250\"}") == .refund(micros(250)))
        #expect(
            try meaning("\"type\":\"refund\",\"cost\":{\"micro\":250},\"status\":\"completed\"") == .refund(micros(250))
        )
        #expect(try meaning("\"type\":\"top_up\",\"cost\":{\"micro\":-5},\"status\":\"failed\"") == .nothing)
        #expect(try meaning("\"type\":\"top_up\",\"cost\":{\"micro\":-5},\"status\":\"pending\"") == .pending)
        #expect(try meaning("\"type\":\"top_up\",\"cost\":{\"micro\":-5,\"currency\":\"EUR\"}") == .nothing)
        #expect(try meaning("\"type\":\"top_up\",\"cost\":null") == .nothing)
        #expect(try meaning("\"type\":\"adjustment\",\"cost\":{\"micro\":-5}") == .nothing)
    }

    @Test(
        "a charged generation is a success whatever its status word, and an uncharged one without a known word has no outcome",
        arguments: ["completed", "succeeded", "partial", "Success", "delivered", "something new", ""])
    func chargedGeneration(status: String) throws {
        let charged = "\"type\":\"generation\",\"model\":\"m\",\"cost\":{\"micro\":4000}"
        #expect(try meaning("\(charged),\"status\":\"\(status)\"") == .nothing)
        let free = try meaning("\"type\":\"generation\",\"cost\":{\"micro\":0},\"status\":\"\(status)\"")
        #expect(free == (["delivered", "something new", ""].contains(status) ? .pending : .nothing))
    }

    @Test("known words of failures, cancellations and jobs in progress keep their meaning with a cost")
    func knownWords() throws {
        func charged(_ status: String) throws -> FairStackTransactionRow.Meaning {
            try meaning("\"type\":\"generation\",\"model\":\"m\",\"cost\":{\"micro\":5},\"status\":\"\(status)\"")
        }
        for status in ["failed", "Failed", "error", "refunded", "timed_out"] {
            #expect(try charged(status) == .failure(model: "m"))
        }
        for status in ["queued", "processing", "running", "pending"] { #expect(try charged(status) == .pending) }
        for status in ["cancelled", "CANCELED"] { #expect(try charged(status) == .nothing) }
    }

    @Test("money with an unknown status is not counted")
    func unknownMoney() throws {
        #expect(try meaning("\"type\":\"top_up\",\"cost\":{\"micro\":-5},\"status\":\"reversed\"") == .nothing)
        #expect(
            try meaning("\"type\":\"refund\",\"cost\":{\"micro\":-5},\"status\":\"succeeded\"") == .refund(micros(5)))
    }

    @Test("the modality of a model may be any word", arguments: ["talkingHead", "threeD", "sfx", "новая"])
    func openModalities(modality: String) throws {
        let page = try page(
            "{\"transactions\":[{\"id\":\"t\",\"created_at\":\"2026-03-10T14:30:00Z\",\"type\":\"generation\","
                + "\"model\":\"m\",\"modality\":\"\(modality)\"}]}")
        let row = FairStackTransactionRow(try #require(page.transactions.values.first))
        #expect(row.model == .init(id: "m", modality: modality))
    }

    @Test func hasMoreOrTheCursorDeterminesTheLastPage() throws {
        for end in [
            "", ",\"has_more\":false,\"cursor\":\"c\"", ",\"has_more\":\"false\",\"cursor\":\"c\"",
            ",\"has_more\":0,\"cursor\":\"c\"", ",\"cursor\":null", ",\"has_more\":true,\"cursor\":\"\"",
        ] {
            #expect(try page("{\"transactions\":[]\(end)}").nextCursor == nil)
        }
        for more in ["", ",\"has_more\":\"true\"", ",\"has_more\":\"maybe\"", ",\"has_more\":{}"] {
            #expect(try page("{\"transactions\":null,\"cursor\":\"c\"\(more)}").nextCursor == "c")
        }
    }

    @Test func rowWithoutIdOrTimeAndResponseWithoutListFail() {
        for (json, field) in [
            ("{\"transactions\":[{\"created_at\":\"2026-03-10T14:30:00Z\"}]}", "transactions[0].id"),
            ("{\"transactions\":[{\"id\":\"a\",\"created_at\":null}]}", "transactions[0].created_at"),
            ("{\"message\":\"hello\"}", "transactions"),
        ] {
            let failure = #expect(throws: SourceFailure.self) { try page(json) }
            #expect(failure?.reason == .decode)
            #expect(failure?.message.contains(field) == true)
        }
    }

    @Test func traversalWithoutProgressIsBroken() throws {
        func page(_ ids: [String], cursor: String) throws -> FairStackPage {
            let rows = ids.map { "{\"id\":\"\($0)\",\"created_at\":\"2026-03-10T14:30:00Z\"}" }.joined(separator: ",")
            return try self.page("{\"transactions\":[\(rows)],\"has_more\":true,\"cursor\":\"\(cursor)\"}")
        }
        var walk = FairStackPageWalk()
        #expect(try walk.take(page(["a", "b"], cursor: "1")).step == .page(cursor: "1"))
        // Rows that two pages repeat count once.
        let second = try walk.take(page(["b", "c"], cursor: "2"))
        #expect(second.new.map(\.id) == ["c"])
        #expect(second.step == .page(cursor: "2"))
        #expect(try walk.take(page(["d"], cursor: "1")).step == .broken)
        var stuck = FairStackPageWalk()
        _ = try stuck.take(page(["a"], cursor: "1"))
        #expect(try stuck.take(page(["a"], cursor: "2")).step == .broken)
        var empty = FairStackPageWalk()
        #expect(try empty.take(page([], cursor: "1")).step == .broken)
        #expect(empty.passed == nil)
    }

    @Test func modelKeepsTheModalityOfItsNewestUse() {
        var models = FairStackModels([GaugeSample(["a", "image"], 1), GaugeSample(["old", "voice"], 1)])
        models.learn(.init(id: "a", modality: "video"))
        models.learn(.init(id: "a", modality: "image"))
        #expect(models.samples == [GaugeSample(["a", "video"], 1), GaugeSample(["old", "voice"], 1)])
    }
}
