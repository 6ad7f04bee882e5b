import TestSupport
import Testing
import UsageModel

@testable import Providers

/// Tests of rows that are not simple charges for tokens: refunds, subscriptions, other units, cache writes.
@Suite struct VeniceUnitsTests {
    private static let time = "2026-06-15T19:05:10Z"

    private func cells(_ rows: String...) throws -> Set<Cell> {
        try veniceCells(rows.joined(separator: ","), of: [hour("2026-06-15T19:00:00Z")])[0]
    }

    private func plain(_ sku: String, _ amount: String, _ currency: String, notes: String) -> String {
        """
        {"timestamp":"\(Self.time)","sku":"\(sku)","units":1,"amount":\(amount),"currency":"\(currency)",
        "notes":"\(notes)","inferenceDetails":null}
        """
    }

    @Test("DIEM that is given back is a refund by model and unit, and never lowers the charge")
    func refunds() throws {
        let cells = try cells(
            row(Self.time, "wan-video-image-unit", amount: "-2.5", currency: "DIEM", request: "v"),
            row(Self.time, "wan-video-image-unit", amount: "2.5", currency: "DIEM", request: "v"),
            row(Self.time, "m-llm-output-mtoken", amount: "0.25", currency: "BUNDLED_CREDITS", request: "x"),
            // Images have no details.
            plain("sd-image-unit", "0.5", "EARNED_CREDITS", notes: "Refund: moderated"),
            // Not given back: the epoch's allocation, a plan's credits.
            plain("diem-epoch", "100", "DIEM", notes: "Allocation"), plain("plan", "5", "BUNDLED_CREDITS", notes: ""))
        #expect(
            cells == [
                Cell(.credits, ["", "wan-video", "diem"], try decimal("2.5")),
                Cell(.requests, ["", "wan-video"], ExactDecimal(1)),
                Cell(.units, ["", "wan-video", "image"], ExactDecimal(1)),
                Cell(.creditsRefunded, ["wan-video", "diem"], try decimal("2.5")),
                Cell(.creditsRefunded, ["m", "bundled_credits"], try decimal("0.25")),
                Cell(.creditsRefunded, ["sd", "earned_credits"], try decimal("0.5")),
            ])
    }

    @Test(
        "a subscription is cost and no request", arguments: [("pro-subscription", ""), ("pro-plan", "Pro Membership")])
    func subscriptions(sku: String, notes: String) throws {
        #expect(try cells(plain(sku, "-18", "USD", notes: notes)) == [Cell(.cost, ["", sku], ExactDecimal(18))])
    }

    @Test(
        "the unit is the end of the SKU, and tokens are no units",
        arguments: [
            ("grok-imagine-image-image-unit", "grok-imagine-image", "image"),
            ("web-search-request", "web-search", "request"),
            ("whisper-large-minute", "whisper-large-minute", "minute"),
            ("tts-kokoro-Character", "tts-kokoro-Character", "character"), ("music-song", "music-song", "song"),
            ("search-augmentation", "search-augmentation", "unit"), ("wan-video-720p", "wan-video-720p", "unit"),
            ("sd", "sd", "unit"), ("m-llm-output-mtoken", "m", nil), ("websearch-mtoken", "websearch", nil),
            ("m-llm-cache-write-5m", "m-llm-cache-write-5m", nil),
        ] as [(String, String, String?)])
    func units(sku: String, model: String, unit: String?) throws {
        let cells = try cells(
            row(Self.time, sku, amount: "-1", units: "2.5"), row(Self.time, sku, amount: "-1", units: "\"0.25\""))
        let expected = unit.map { [Cell(.units, ["", model, $0], ExactDecimal(micros: 2_750_000))] } ?? []
        #expect(cells.filter { $0.family == .units } == Set(expected))
    }

    @Test("a negative or missing quantity adds no units")
    func absurdUnits() throws {
        let bare = "{\"timestamp\":\"\(Self.time)\",\"sku\":\"a-minute\",\"amount\":-1,\"currency\":\"USD\"}"
        let cells = try cells(row(Self.time, "a-minute", units: "-3"), row(Self.time, "a-minute", units: "null"), bare)
        #expect(cells.contains(Cell(.cost, ["", "a-minute"], ExactDecimal(3))))
        #expect(!cells.contains { $0.family == .units })
    }

    @Test("tokens written to the cache are a type of their own and not input", arguments: ["", "-5m", "-1h"])
    func cacheWrites(lifetime: String) throws {
        func part(_ suffix: String, _ units: String) -> String {
            row(Self.time, "m\(suffix)", units: units, request: "a", prompt: "1000", completion: "50")
        }
        let rows = [
            part("-llm-input-mtoken", "0.0005"), part("-llm-cache-input-mtoken", "0.0003"),
            part("-llm-cache-write\(lifetime)-mtoken", "0.0002"), part("-llm-output-mtoken", "0.00005"),
        ]
        for order in [rows, rows.reversed()] {
            let tokens = try cells(order.joined(separator: ",")).filter { $0.family == .tokens }
            #expect(
                tokens == [
                    Cell(.tokens, ["", "m", "input"], ExactDecimal(500)),
                    Cell(.tokens, ["", "m", "cache_input"], ExactDecimal(300)),
                    Cell(.tokens, ["", "m", "cache_write"], ExactDecimal(200)),
                    Cell(.tokens, ["", "m", "output"], ExactDecimal(50)),
                ])
        }
    }

    @Test("written tokens that exceed the prompt are not part of it")
    func cacheWritesBeyondThePrompt() throws {
        let tokens = try cells(
            row(Self.time, "m-llm-cache-input-mtoken", units: "0.0003", prompt: "1000"),
            row(Self.time, "m-llm-cache-write-mtoken", units: "0.0009", prompt: "1000")
        ).filter { $0.family == .tokens }
        #expect(
            tokens == [
                Cell(.tokens, ["", "m", "input"], ExactDecimal(700)),
                Cell(.tokens, ["", "m", "cache_input"], ExactDecimal(300)),
                Cell(.tokens, ["", "m", "cache_write"], ExactDecimal(900)),
            ])
    }

    @Test("a billing alias joins the name in the rate limits, and the cost keeps the billed name")
    func alias() async throws {
        var context: KeptVisit?
        for (model, time) in [
            ("claude-sonnet-5-api", "19:05:00"), ("llama-3.3-70b", "20:05:00"), ("glm-api", "21:05:00"),
        ] {
            let body = row("2026-06-15T\(time)Z", "\(model)-llm-output-mtoken")
            let now = try moment("2026-06-15T\(time)Z") + .minutes(1)
            let next = KeptVisit(
                now: now, due: [try hour("\(now.startOfHour)")], after: context)
            let api = ScriptedVenice { _, _ in veniceAnswer("{\"data\":[\(body)],\"nextCursor\":null}") }
            try await VeniceUsageSource(api: api, setting: .usageHistory).sync(next)
            #expect(next.committed[0].cells.contains(Cell(.cost, ["", model], ExactDecimal(1))))
            context = next
        }
        #expect(
            context?.gauges[.modelAliasInfo] == [
                GaugeSample(["claude-sonnet-5-api", "claude-sonnet-5"], 1), GaugeSample(["glm-api", "glm"], 1),
            ])
    }
}
