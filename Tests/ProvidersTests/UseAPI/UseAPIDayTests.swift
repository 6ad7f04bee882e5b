import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct UseAPIDayTests {
    private func day(_ json: String, bot: String = UseAPIExample.bot) throws -> UseAPIDay {
        try UseAPIDay(UpstreamResponse(json: json), bot: bot, day: try #require(UTCDay(UseAPIExample.date)))
    }

    private func cells(
        _ json: String, bot: String = UseAPIExample.bot, earlier: [Cell] = [], isSettled: Bool = true,
        prices: [String: ExactDecimal] = [:]
    ) throws -> [Cell] {
        try #require(try day(json, bot: bot).cells(earlier: earlier, isSettled: isSettled) { prices[$0] })
    }

    /// Returns the cells of the request in the example's row.
    private func exampleRow() throws -> [Cell] {
        let config = UseAPIExample.config
        return [
            Cell(.requests, [config, "imagen-4"], ExactDecimal(1)),
            Cell(.outcomes, [config, "imagen-4", "success"], ExactDecimal(1)),
            Cell(.outcomes, [config, "imagen-4", "failure"], .zero),
            Cell(.useapiResponses, ["google-flow", config, "post-images", "200"], ExactDecimal(1)),
            Cell(.duration, ["imagen-4", "post-images", "10.0"], ExactDecimal(1)),
            Cell(.duration, ["imagen-4", "post-images", "sum"], try #require(ExactDecimal("5.432"))),
            Cell(.captchaAttempts, ["CapSolver"], ExactDecimal(1)),
            Cell(.captchaRetries, [], ExactDecimal(1)),
            Cell(
                .tierRequests, ["PAYGATE_TIER_TWO", "Ultra $199", "WS_ULTRA", "Workspace Ultra"], ExactDecimal(1)),
        ]
    }

    @Test func rowOfTheDocumentationsExampleBecomesCellsFieldByField() throws {
        // Until the list is as complete as the count, only the list counts.
        #expect(sums(try cells(UseAPIExample.text, isSettled: false)) == sums(try exampleRow()))
    }

    @Test func exampleOfTheDocumentationSumsToTheApisTotalOnceTheDayIsOver() throws {
        var expected = try exampleRow()
        let models = [
            ("veo-3.1-fast-relaxed", 1032), ("nano-banana-pro", 702), ("imagen-4", 448), ("nano-banana", 181),
            ("veo-3.1-fast", 14), ("google-flow", 24),
        ]
        expected += models.map { Cell(.requests, ["", $0.0], ExactDecimal($0.1)) }
        let codes = [("200", 547), ("201", 796), ("400", 130), ("403", 684), ("429", 239), ("500", 3), ("503", 2)]
        expected += codes.map { Cell(.useapiResponses, ["google-flow", "", "", $0.0], ExactDecimal($0.1)) }
        expected += [
            Cell(.outcomes, ["", "", "success"], ExactDecimal(1343)),
            Cell(.outcomes, ["", "", "failure"], ExactDecimal(1058)),
            Cell(.captchaAttempts, ["CapSolver"], ExactDecimal(4855)),
            Cell(.tierRequests, ["PAYGATE_TIER_TWO", "Ultra $199", "", ""], ExactDecimal(1683)),
            Cell(.tierRequests, ["PAYGATE_TIER_ONE", "Pro", "", ""], ExactDecimal(612)),
            Cell(.tierRequests, ["PAYGATE_TIER_NOT_PAID", "Free", "", ""], ExactDecimal(106)),
        ]
        let cells = try cells(UseAPIExample.text)
        #expect(sums(cells) == sums(expected))
        for family in [LedgerFamily.requests, .outcomes, .useapiResponses, .tierRequests] {
            #expect(cells.of(family).values.reduce(.zero, +) == ExactDecimal(2402))
        }
    }

    @Test func differencesBetweenSummaryAndRowsAreNamedWithoutAnyRowsValue() throws {
        let remark = try #require(SummaryDiscrepancy(try day(UseAPIExample.text)).remark)
        #expect(
            remark
                == "2026-02-13: the API lists 1 requests and counts 2402; its figures disagree with its list in total, "
                + "by_config, by_code, by_endpoint, by_model, by_captcha_provider, by_tier, by_sku")
        let agreeing = """
            {"total":2,"summary":{"by_config":{"a":2},"by_code":{"200":1,"500":1},"by_endpoint":{"e":2},
            "by_model":{"m":1},"by_tier":{"(empty)":1,"T":1}},
            "data":[{"config":"a","endpoint":"e","code":200,"model":"m","tier":"T"},
            {"config":"a","endpoint":"e","code":500,"tier":""}]}
            """
        #expect(SummaryDiscrepancy(try day(agreeing)).remark == nil)
    }

    @Test func rowsWithoutAModelCarryTheBotsName() throws {
        let cells = try cells(
            #"{"total":1,"data":[{"config":"c","endpoint":"post-imagine","code":"201","msec":"250"}]}"#,
            bot: "midjourney")
        #expect(
            sums(cells)
                == sums([
                    Cell(.requests, ["c", "midjourney"], ExactDecimal(1)),
                    Cell(.outcomes, ["c", "midjourney", "success"], ExactDecimal(1)),
                    Cell(.outcomes, ["c", "midjourney", "failure"], .zero),
                    Cell(.useapiResponses, ["midjourney", "c", "post-imagine", "201"], ExactDecimal(1)),
                    Cell(.duration, ["midjourney", "post-imagine", "0.25"], ExactDecimal(1)),
                    Cell(.duration, ["midjourney", "post-imagine", "sum"], try #require(ExactDecimal("0.25"))),
                ]))
    }

    @Test func emptyRowIsARequest() throws {
        let cells = try cells(#"{"total":"1","data":[{"code":null,"msec":null,"model":"","unknown":{"x":[1]}}]}"#)
        #expect(
            sums(cells)
                == sums([
                    Cell(.requests, ["", "google-flow"], ExactDecimal(1)),
                    Cell(.useapiResponses, ["google-flow", "", "", ""], ExactDecimal(1)),
                ]))
    }

    @Test(arguments: [
        ("200", "success"), ("299", "success"), ("199", "failure"), ("300", "failure"), ("0", "failure"),
        ("-1", "failure"), ("\"201\"", "success"), ("204.0", "success"), ("\"timeout\"", "failure"),
    ])
    func outcomeIsWhetherTheCodeIs2xx(code: String, outcome: String) throws {
        let cells = try cells(#"{"total":1,"data":[{"code":\#(code)}]}"#)
        #expect(cells.of(.outcomes)[["", "google-flow", outcome]] == ExactDecimal(1))
        #expect(cells.of(.outcomes).values.reduce(.zero, +) == ExactDecimal(1))
    }

    @Test func durationsAreInTheBucketOfTheNextBound() throws {
        let rows = [0, 250, 251, 1000, 600_000, 600_001, 12.5].map { #"{"code":200,"msec":\#($0)}"# }
        let durations = try cells(#"{"data":[\#(rows.joined(separator: ","))]}"#).of(.duration)
        let byBound = Dictionary(uniqueKeysWithValues: durations.map { ($0.key[2], $0.value.description) })
        #expect(
            byBound == ["0.25": "3", "0.5": "1", "1.0": "1", "600.0": "1", "+Inf": "1", "sum": "1201.5145"])
    }

    @Test(arguments: ["-5", "\"soon\"", "1e300", "86400001", "true", "[]", "null"])
    func requestWithAnInvalidDurationIsCounted(msec: String) throws {
        let cells = try cells(#"{"total":1,"data":[{"code":200,"msec":\#(msec)}]}"#)
        #expect(cells.of(.duration).isEmpty)
        #expect(cells.of(.requests) == [["", "google-flow"]: ExactDecimal(1)])
    }

    @Test func captchaAttemptsAreByProviderAndRetriesAreSummed() throws {
        let cells = try cells(
            """
            {"data":[{"captchaProviders":"CapSolver, 2Captcha,CapSolver","captchaRetry":2},
            {"captchaProviders":"","captchaRetry":"1"},{"captchaProviders":null,"captchaRetry":-4},
            {"captchaProviders":",Anti Captcha,","captchaRetry":0}]}
            """)
        #expect(
            cells.of(.captchaAttempts) == [
                ["CapSolver"]: ExactDecimal(2), ["2Captcha"]: ExactDecimal(1), ["Anti Captcha"]: ExactDecimal(1),
            ])
        #expect(cells.of(.captchaRetries) == [[]: ExactDecimal(3)])
    }

    @Test func botsWithoutCaptchaAndPlansHaveNoSeriesForThem() throws {
        let cells = try cells(#"{"total":1,"data":[{"code":200,"tier":"","sku":null}]}"#, bot: "kling")
        #expect(Set(cells.map(\.family)) == [.requests, .outcomes, .useapiResponses])
    }

    @Test func emptyAndUnknownPlansKeepTheirNames() throws {
        let cells = try cells(
            """
            {"total":3,"summary":{"lookup":{"tiers":{"T1":"Pro","T9":"T9"},"skus":{"S1":null}}},
            "data":[{"tier":"T1","sku":"S1"},{"tier":"T9","sku":"NEW"},{}]}
            """)
        #expect(
            cells.of(.tierRequests) == [
                ["T1", "Pro", "S1", "S1"]: ExactDecimal(1), ["T9", "T9", "NEW", "NEW"]: ExactDecimal(1),
                ["(empty)", "(empty)", "(empty)", "(empty)"]: ExactDecimal(1),
            ])
    }

    @Test func planKeepsItsNameForTheDayWhenTheApiRenamesIt() throws {
        func json(_ name: String) -> String {
            #"{"summary":{"lookup":{"tiers":{"T":"\#(name)"},"skus":{"S":"\#(name)"}}},"#
                + #""data":[{"config":"c","tier":"T","sku":"S"}]}"#
        }
        let first = try cells(json("Ultra $199"))
        let again = try cells(json("Ultra $249"), earlier: first)
        #expect(again.of(.tierRequests) == [["T", "Ultra $199", "S", "Ultra $199"]: ExactDecimal(1)])
        #expect(try cells(json("Ultra $249")).of(.tierRequests).keys.first?[1] == "Ultra $249")
    }

    @Test func estimateIsThePriceOfEachSuccessfulRequestExactly() throws {
        let price = try #require(ExactDecimal("0.0333333333"))
        let cells = try cells(
            """
            {"data":[{"config":"c","code":200,"model":"a"},{"config":"c","code":201,"model":"a"},
            {"config":"c","code":500,"model":"a"},{"config":"c","code":200,"model":"b"},{"config":"c","model":"a"}]}
            """, prices: ["a": price])
        #expect(cells.of(.estimatedCost) == [["c", "a"]: try #require(ExactDecimal("0.0666666666"))])
    }

    /// Includes rows of another form with the same meaning: in no batch, in one of two, and in all.
    @Test(arguments: [5001, 4000, 100]) func longListIsCountedOverManyBatches(oddRow: Int) throws {
        let rows = (0..<5000).map {
            let isOdd = $0 % oddRow == oddRow - 1
            let model = isOdd ? #""\u006d""# : #""m""#
            let milliseconds = isOdd ? "\"\($0)\"" : "\($0)"
            return #"{"config":"c\#($0 % 7)","endpoint":"e","code":\#($0 % 2 == 0 ? 200 : 500),"#
                + #""msec":\#(milliseconds),"model":\#(model),"x":"}]"}"#
        }
        let text = #"{"data":[\#(rows.joined(separator: ","))],"total":5000}"#
        #expect(text.utf8.count > 256 << 10)
        let cells = try cells(text)
        #expect(
            cells.of(.requests)
                == Dictionary(
                    uniqueKeysWithValues: (0..<7).map { (["c\($0)", "m"], ExactDecimal(5000 / 7 + ($0 < 2 ? 1 : 0))) }))
        #expect(cells.of(.outcomes).filter { $0.key[2] == "success" }.values.reduce(.zero, +) == ExactDecimal(2500))
        #expect(cells.of(.duration)[["m", "e", "sum"]] == ExactDecimal("12497.5"))
    }

    @Test func dayWithoutUsageHasNoCells() throws {
        #expect(try cells(#"{"bot":"kling","date":"2026-02-13","total":0,"data":[]}"#).isEmpty)
        #expect(try cells(#"{"total":0}"#).isEmpty)
        #expect(try cells(#"{"total":-3,"data":null,"summary":null}"#).isEmpty)
    }

    @Test func responseForAnotherDayOrFromAnotherAPIFails() throws {
        for json in [
            #"{"date":"2026-02-12","total":0,"data":[]}"#, "{}", #"{"error":"x"}"#, "[]", #"{"total":1,"data":{}}"#,
            #"{"total":1,"data":[null]}"#, #"{"total":1,"data":[{"config":{}}]}"#, #"{"total":1.5,"data":[]}"#,
        ] {
            let failure = #expect(throws: SourceFailure.self) { _ = try day(json) }
            #expect(failure?.reason == .decode)
        }
        let failure = #expect(throws: SourceFailure.self) {
            _ = try day(#"{"data":[{"config":"a"},{"config":["secret@example.com"]}]}"#)
        }
        #expect(failure?.message == "data, from row 0 on: [1].config: expected text or a number, found a list")
    }

    @Test func invalidPartOfTheSummaryIsSkipped() throws {
        let cells = try cells(
            """
            {"total":2,"summary":{"by_code":{"200":"many"},"by_model":{"m":2},"by_config":7,"lookup":"none"},
            "data":[{"config":"a","code":200,"model":"m"}]}
            """)
        #expect(cells.of(.requests) == [["a", "m"]: ExactDecimal(1), ["", "m"]: ExactDecimal(1)])
        #expect(throws: SourceFailure.self) { try self.cells(#"{"total":"many","data":[{}]}"#) }
    }
}
