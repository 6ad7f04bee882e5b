import Foundation
import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct WaveSpeedDayTests {
    /// The example response in WaveSpeedAI's documentation, verbatim.
    static let example = """
        {"code":200,"message":"success","data":{"per_model_usage":[{"model_uuid":"kwaivgi/kling-v2.0-i2v-master",
        "model_type":"text-to-video","unit_price":0.488,"total_cost":1300.000,"total_count":2660,
        "last_used_date":"2025-10-12"}],"daily_usage":[{"date":"2025-10-01","amount":242.300,"count":8095,
        "models":[{"model_uuid":"kwaivgi/kling-v2.0-i2v-master","amount":130.000,"count":2660}]}],
        "summary":{"total_cost":2423.000,"total_requests":98765,"success_requests":95432}}}
        """

    @Test func sumsOfAbsurdCountsDoNotTrap() throws {
        let row = #"{"model_uuid":"m","total_cost":1000000000000000,"total_count":1000000000000000}"#
        let rows = Array(repeating: row, count: 10_000).joined(separator: ",")
        let cells = try cells(#"{"code":200,"data":{"per_model_usage":[\#(rows)],"summary":{"success_requests":1}}}"#)
        #expect(cells.contains { $0.family == .requests && $0.labels == ["", "m"] })
    }

    @Test(arguments: [
        #"{"model_uuid":"m"}"#, #"{"model_uuid":"m","total_cost":null,"total_count":null,"unit_price":1}"#,
    ])
    func modelWithoutFiguresIsAFailure(row: String) throws {
        let failure = #expect(throws: SourceFailure.self) {
            try cells(#"{"code":200,"data":{"per_model_usage":[\#(row)],"summary":{"total_cost":null}}}"#)
        }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("per_model_usage[0] has neither total_cost nor total_count") == true)
    }

    private func stats(_ json: String) throws -> WaveSpeedUsageResponse {
        let answer = UpstreamResponse(status: 200, headers: [:], body: Array(json.utf8))
        return try WaveSpeedEnvelope<WaveSpeedUsageResponse>.payload(of: answer, from: "usage_stats")
    }

    private func cells(_ json: String) throws -> Set<Cell> {
        let day = try WaveSpeedDay(try #require(UTCDay("2025-10-01")), try stats(json))
        return Set(
            day.cells(
                outcomes: day.outcomes.map {
                    ["": WaveSpeedOutcomes.Known(successes: $0.successes, failures: $0.total - $0.successes)]
                } ?? [:]))
    }

    @Test func exampleOfTheDocumentationBecomesCellsThatSumToTheProvidersTotals() throws {
        let model = "kwaivgi/kling-v2.0-i2v-master"
        #expect(
            try cells(Self.example) == [
                Cell(.cost, ["", model], ExactDecimal(1300)), Cell(.cost, ["", ""], ExactDecimal(1123)),
                Cell(.requests, ["", model], ExactDecimal(2660)), Cell(.requests, ["", ""], ExactDecimal(96_105)),
                Cell(.outcomes, ["", "", "success"], ExactDecimal(95_432)),
                Cell(.outcomes, ["", "", "failure"], ExactDecimal(3333)),
                Cell(.modalityCost, ["text-to-video"], ExactDecimal(1300)),
                Cell(.modalityCost, [""], ExactDecimal(1123)),
                Cell(.modalityRequests, ["text-to-video"], ExactDecimal(2660)),
                Cell(.modalityRequests, [""], ExactDecimal(96_105)),
                Cell(.reconciliation, [], ExactDecimal(1123)),
            ])
    }

    @Test func documentedExampleYieldsTypePriceAndLastUseOfTheModel() throws {
        var models = WaveSpeedModels(info: [], unitPrices: [], lastUsed: [])
        models.learn(try stats(Self.example).per_model_usage.values, isNewest: true)
        let model = "kwaivgi/kling-v2.0-i2v-master"
        #expect(models.gauges[.modelInfo] == [GaugeSample([model, "text-to-video"], 1)])
        #expect(models.gauges[.modelUnitPrice] == [GaugeSample([model], 0.488)])
        // 2025-10-12T00:00:00Z
        #expect(models.gauges[.modelLastUsed] == [GaugeSample([model], 1_760_227_200)])
    }

    @Test func numbersAsTextAndMissingOptionalFieldsAreAccepted() throws {
        let cells = try cells(
            """
            {"code":"200","data":{"per_model_usage":[{"model_uuid":"a/b","total_cost":"0.30","total_count":"3"}],
            "summary":{"total_cost":"0.3","total_requests":"3"}}}
            """)
        #expect(
            cells == [
                Cell(.cost, ["", "a/b"], try #require(ExactDecimal("0.3"))),
                Cell(.requests, ["", "a/b"], ExactDecimal(3)), Cell(.reconciliation, [], .zero),
            ])
    }

    @Test func modelsComeFromTheDailyListIfPerModelUsageIsMissing() throws {
        let cells = try cells(
            """
            {"code":200,"data":{"daily_usage":[{"date":"2025-10-02","amount":9,"count":9,"models":[]},
            {"date":"2025-10-01","amount":2,"count":5,"models":[{"model_uuid":"m","amount":2,"count":5}]}]}}
            """)
        #expect(
            cells == [
                Cell(.cost, ["", "m"], ExactDecimal(2)), Cell(.requests, ["", "m"], ExactDecimal(5)),
                Cell(.reconciliation, [], .zero),
            ])
    }

    @Test func floatingPointErrorsAreIgnored() throws {
        let cells = try cells(
            """
            {"code":200,"data":{"per_model_usage":[{"model_uuid":"a","total_cost":0.1,"total_count":1},
            {"model_uuid":"b","total_cost":0.2,"total_count":1}],
            "summary":{"total_cost":0.30000000000000004,"total_requests":2}}}
            """)
        #expect(!cells.contains { $0.family == .cost && $0.labels[1].isEmpty })
    }

    @Test func partsBeyondTheTotalShowOnlyInTheDifference() throws {
        let cells = try cells(
            """
            {"code":200,"data":{"per_model_usage":[{"model_uuid":"a","total_cost":5,"total_count":5}],
            "summary":{"total_cost":4,"total_requests":5}}}
            """)
        #expect(cells.contains(Cell(.reconciliation, [], ExactDecimal(-1))))
        #expect(cells.filter { $0.family == .cost } == [Cell(.cost, ["", "a"], ExactDecimal(5))])
    }

    /// Reading such a response as a day without usage would revert what was counted.
    @Test(arguments: ["{}", "{\"usage\":[]}", "{\"x\":\"y\"}"])
    func responseWithoutDocumentedFieldsIsAFailure(data: String) throws {
        let failure = #expect(throws: SourceFailure.self) { try stats("{\"code\":200,\"data\":\(data)}") }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("summary") == true)
        #expect(try cells("{\"code\":200,\"data\":{\"per_model_usage\":[]}}").isEmpty)
    }

    @Test func errorCodeInTheBodyIsAFailureWithItsReason() throws {
        for (code, reason) in [(401, FailureReason.auth), (429, .rateLimited), (500, .http5xx), (400, .http4xx)] {
            let failure = #expect(throws: SourceFailure.self) {
                _ = try stats("{\"code\":\(code),\"message\":\"sk-secret\",\"data\":null}")
            }
            #expect(failure?.reason == reason)
            #expect(failure?.message.contains("sk-secret") == false)
        }
    }

    @Test func historyIsQueriedInRangesOfAtMost31Days() throws {
        let newest = try #require(UTCDay("2026-03-31"))
        let due = (0..<70).map {
            DueSlice(slice: SliceID(period: newest.advanced(by: -$0).period), lastRead: nil, settles: true)
        }
        let ranges = WaveSpeedUsageSource.ranges(due)
        #expect(ranges.map(\.count) == [31, 31, 8])
        #expect(ranges.flatMap { $0 } == due)
    }
}
