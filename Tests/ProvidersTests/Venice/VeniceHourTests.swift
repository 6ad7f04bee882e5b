import TestSupport
import Testing
import UsageModel

@testable import Providers

/// Tests of the sums of an hour's rows.
@Suite struct VeniceHourTests {
    private func cells(_ rows: String...) throws -> Set<Cell> {
        try veniceCells(rows.joined(separator: ","), of: [hour("2026-06-15T19:00:00Z")])[0]
    }

    @Test func documentedRowsBecomeCreditsRequestTokensAndDuration() throws {
        let cells = try cells(
            """
            {"amount":-0.1,"currency":"DIEM","inferenceDetails":null,"notes":"API Inference","pricePerUnitUsd":0.1,
            "sku":"grok-imagine-image-image-unit","timestamp":"2026-06-15T19:05:09.000Z","units":1}
            """,
            """
            {"amount":-0.06356,"currency":"DIEM","inferenceDetails":{"completionTokens":227,
            "inferenceExecutionTime":2964,"promptTokens":339,"requestId":"chatcmpl-4007fd29f42b7d3c4107f4345e8d174a"},
            "notes":"API Inference","pricePerUnitUsd":2.8,"sku":"zai-org-glm-5-1-llm-output-mtoken",
            "timestamp":"2026-06-15T19:05:10.504Z","units":0.000227}
            """)
        let glm = "zai-org-glm-5-1"
        #expect(
            cells == [
                Cell(.credits, ["", "grok-imagine-image", "diem"], try decimal("0.1")),
                Cell(.requests, ["", "grok-imagine-image"], ExactDecimal(1)),
                Cell(.units, ["", "grok-imagine-image", "image"], ExactDecimal(1)),
                // The amount is used, not 0.000227 × 2.8.
                Cell(.credits, ["", glm, "diem"], try decimal("0.06356")),
                Cell(.requests, ["", glm], ExactDecimal(1)),
                Cell(.tokens, ["", glm, "input"], ExactDecimal(339)),
                Cell(.tokens, ["", glm, "output"], ExactDecimal(227)),
                Cell(.duration, [glm, "", "5.0"], ExactDecimal(1)),
                Cell(.duration, [glm, "", "sum"], try decimal("2.964")),
            ])
    }

    @Test func rowsOfOneInferenceAreOneRequestAndInputExcludesCachedTokens() throws {
        let time = "2026-06-15T19:05:10.504Z"
        func part(_ suffix: String, _ amount: String, _ units: String) -> String {
            row(
                time, "grok-4-3\(suffix)", amount: amount, units: units, request: "a", prompt: "1000", completion: "50",
                milliseconds: "250")
        }
        let rows = [
            part("-llm-input-mtoken", "-0.7", "0.0007"),
            // A rounding error of binary floating point in the units does not add a token.
            part("-llm-cache-input-mtoken", "-0.03", "0.00030000000000000003"),
            part("-llm-output-mtoken", "-0.2", "0.00005"),
            row(
                time, "search-augmentation", amount: "-0.01", request: "a", prompt: "1000", completion: "50",
                milliseconds: "250"),
        ]
        let expected: Set<Cell> = [
            Cell(.cost, ["", "grok-4-3"], try decimal("0.93")),
            Cell(.cost, ["", "search-augmentation"], try decimal("0.01")),
            Cell(.units, ["", "search-augmentation", "unit"], ExactDecimal(1)),
            Cell(.requests, ["", "grok-4-3"], ExactDecimal(1)),
            Cell(.tokens, ["", "grok-4-3", "input"], ExactDecimal(700)),
            Cell(.tokens, ["", "grok-4-3", "cache_input"], ExactDecimal(300)),
            Cell(.tokens, ["", "grok-4-3", "output"], ExactDecimal(50)),
            Cell(.duration, ["grok-4-3", "", "0.25"], ExactDecimal(1)),
            Cell(.duration, ["grok-4-3", "", "sum"], try decimal("0.25")),
        ]
        let hours = [try hour("2026-06-15T19:00:00Z")]
        #expect(try veniceCells(rows.joined(separator: ","), of: hours) == [expected])
        #expect(try veniceCells(rows.reversed().joined(separator: ","), of: hours) == [expected])
    }

    @Test func promptSmallerThanItsCachedTokensKeepsItsInput() throws {
        let cells = try cells(
            row("2026-06-15T19:05:10Z", "m-llm-cache-input-mtoken", units: "0.0005", prompt: "100"))
        #expect(cells.contains(Cell(.tokens, ["", "m", "input"], ExactDecimal(100))))
        #expect(cells.contains(Cell(.tokens, ["", "m", "cache_input"], ExactDecimal(500))))
    }

    @Test func incomeIsNotCost() throws {
        func income(_ sku: String, _ notes: String, _ amount: String, _ currency: String = "USD") -> String {
            """
            {"timestamp":"2026-06-15T19:00:00Z","sku":"\(sku)","amount":\(amount),"currency":"\(currency)",
            "notes":"\(notes)","inferenceDetails":null}
            """
        }
        let cells = try cells(
            income("usd-credits", "Card payment", "25"), income("usd-credits", "Crypto", "5.5"),
            income("usd-credits", "Refund for failed job", "0.75"), income("REFUND", "", "0.25"),
            row("2026-06-15T19:10:00Z", amount: "0.125"), income("diem-epoch", "Allocation", "100", "DIEM"))
        #expect(
            cells == [
                Cell(.topups, [], try decimal("30.5")), Cell(.refunds, [], try decimal("1.125")),
            ])
    }

    @Test func currenciesAreAnOpenSet() throws {
        let cells = try cells(
            row("2026-06-15T19:00:00Z", currency: "VCU"), row("2026-06-15T19:00:00Z", currency: "EARNED_CREDITS"),
            row("2026-06-15T19:00:00Z", currency: "Moon_Shells"), row("2026-06-15T19:00:00Z", currency: "usd"))
        #expect(
            Set(cells.filter { $0.family == .credits }.map { $0.labels[2] }) == [
                "vcu", "earned_credits", "moon_shells",
            ])
        #expect(cells.contains(Cell(.cost, ["", "m"], ExactDecimal(1))))
    }

    @Test func numbersAsTextAndMissingOrNullFieldsAreAccepted() throws {
        let cells = try cells(
            """
            {"timestamp":"2026-06-15T19:00:00.000Z","sku":"m-llm-output-mtoken","unit":"0.5","amount":"-0.30",
            "currency":"USD","inferenceDetails":{"requestId":7,"promptTokens":"12.0","completionTokens":null}}
            """,
            "{\"timestamp\":1781550000,\"amount\":0}")
        #expect(
            cells == [
                Cell(.cost, ["", "m"], try decimal("0.3")), Cell(.requests, ["", "m"], ExactDecimal(1)),
                Cell(.tokens, ["", "m", "input"], ExactDecimal(12)), Cell(.requests, ["", ""], ExactDecimal(1)),
                Cell(.credits, ["", "", ""], .zero),
            ])
    }

    @Test func absurdFiguresAreSkipped() throws {
        let cells = try cells(
            row("2026-06-15T19:00:00Z", amount: "-0", prompt: "-5", completion: "1.5", milliseconds: "-1"),
            row("2026-06-15T19:00:00Z", amount: "-0", request: "s", prompt: "1700000000000000000"),
            row("2026-06-15T19:00:00Z", amount: "-0", request: "t", prompt: "1700000000000000000"))
        #expect(!cells.contains { $0.family == .duration || $0.labels.contains("output") })
        #expect(cells.contains(Cell(.requests, ["", "m"], ExactDecimal(3))))
        #expect(cells.contains(Cell(.cost, ["", "m"], .zero)))
    }

    @Test func withoutAnIDRowsWithTheSameDetailsAreOneRequest() throws {
        let cells = try cells(
            row("2026-06-15T19:00:00Z", "m-llm-input-mtoken", request: "", prompt: "10", completion: "2"),
            row("2026-06-15T19:00:00Z", "m-llm-output-mtoken", request: "", prompt: "10", completion: "2"),
            row("2026-06-15T19:00:01Z", "m-llm-output-mtoken", request: "", prompt: "10", completion: "2"))
        #expect(cells.contains(Cell(.requests, ["", "m"], ExactDecimal(2))))
        #expect(cells.contains(Cell(.tokens, ["", "m", "input"], ExactDecimal(20))))
    }

    @Test(arguments: [
        ("claude-opus-4-8-llm-input-mtoken", "claude-opus-4-8"),
        ("grok-4-3-llm-cache-input-mtoken", "grok-4-3"),
        ("claude-sonnet-5-api-llm-cache-write-5m-mtoken", "claude-sonnet-5-api"),
        ("openai-gpt-56-sol-llm-cache-write-mtoken", "openai-gpt-56-sol"),
        ("grok-imagine-image-image-unit", "grok-imagine-image"), ("search-augmentation", "search-augmentation"),
        ("web-search-request", "web-search"), ("websearch-mtoken", "websearch"), ("-image-unit", "-image-unit"),
        ("some-video-minute", "some-video-minute"), ("", ""),
    ])
    func modelIsTheSKUWithoutItsUnit(sku: String, model: String) {
        #expect(VeniceSKU(sku).model == model)
    }
}
