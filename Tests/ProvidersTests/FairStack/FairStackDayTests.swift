import Foundation
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the cells of a day from `GET /v1/usage`.
@Suite struct FairStackDayTests {
    /// The example response in FairStack's documentation, verbatim.
    static let example = """
        {
          "from": "2026-02-01",
          "to": "2026-02-28",
          "total_cost": {
            "micro": 4520000,
            "display": "$4.52",
            "currency": "USD"
          },
          "generation_count": 347,
          "by_modality": [
            { "modality": "image", "count": 280, "cost": { "micro": 1120000, "display": "$1.12" } },
            { "modality": "video", "count": 12, "cost": { "micro": 1440000, "display": "$1.44" } },
            { "modality": "voice", "count": 45, "cost": { "micro": 45000, "display": "$0.045" } },
            { "modality": "music", "count": 10, "cost": { "micro": 1000000, "display": "$1.00" } }
          ],
          "by_model": [
            { "model": "z-image-turbo", "count": 200, "cost": { "micro": 800000, "display": "$0.80" } },
            { "model": "gpt-image-1.5-t2i", "count": 80, "cost": { "micro": 320000, "display": "$0.32" } }
          ]
        }
        """

    private func breakdown(_ json: String) throws -> FairStackBreakdown {
        FairStackBreakdown(try FairStackBody<FairStackUsage>.payload(of: answer(json)))
    }

    private func cells(_ json: String, keys: [String: String] = [:], keeping: [Cell] = []) throws -> Set<Cell> {
        let day = FairStackDay(whole: try breakdown(json), keys: try keys.mapValues(breakdown))
        let cells = day.cells(after: keeping, keepsRest: !keeping.isEmpty)
        #expect(Set(cells).count == cells.count)
        return Set(cells)
    }

    @Test func exampleOfTheDocumentationBecomesCellsThatSumToTheProvidersTotals() throws {
        var expected: Set<Cell> = [
            // 4.52 in total, 1.12 of it for a model, 3.605 for a modality.
            Cell(.cost, ["", "z-image-turbo"], micros(800_000)),
            Cell(.cost, ["", "gpt-image-1.5-t2i"], micros(320_000)),
            Cell(.cost, ["", ""], micros(3_400_000)),
            Cell(.reconciliation, [], micros(3_400_000)),
            Cell(.modalityCost, ["image"], micros(1_120_000)), Cell(.modalityCost, ["video"], micros(1_440_000)),
            Cell(.modalityCost, ["voice"], micros(45_000)), Cell(.modalityCost, ["music"], micros(1_000_000)),
            Cell(.modalityCost, [""], micros(915_000)),
            Cell(.modalityRequests, ["image"], ExactDecimal(280)), Cell(.modalityRequests, ["video"], ExactDecimal(12)),
            Cell(.modalityRequests, ["voice"], ExactDecimal(45)), Cell(.modalityRequests, ["music"], ExactDecimal(10)),
        ]
        for (model, count) in [("z-image-turbo", 200), ("gpt-image-1.5-t2i", 80), ("", 67)] {
            expected.insert(Cell(.requests, ["", model], ExactDecimal(count)))
            expected.insert(Cell(.outcomes, ["", model, "success"], ExactDecimal(count)))
        }
        #expect(try cells(Self.example) == expected)
        let wrapped = "{\"request_id\":\"req_1\",\"data\":\(Self.example)}"
        #expect(try cells(wrapped) == expected)
    }

    @Test func numbersAsTextAndMissingOrNullFieldsAreAccepted() throws {
        let cells = try cells(
            """
            {"total_cost":{"micro":"300000"},"generation_count":"3","by_modality":null,
            "by_model":[{"model":"a","count":"3","cost":{"micro":"300000"}},{"model":"b","count":null,"cost":null},
            {"model":null,"count":9,"cost":{"micro":9}}],"new_field":{"x":[1]}}
            """)
        #expect(
            cells == [
                Cell(.cost, ["", "a"], micros(300_000)), Cell(.cost, ["", "b"], .zero),
                Cell(.requests, ["", "a"], ExactDecimal(3)), Cell(.requests, ["", "b"], .zero),
                Cell(.outcomes, ["", "a", "success"], ExactDecimal(3)), Cell(.outcomes, ["", "b", "success"], .zero),
                Cell(.reconciliation, [], .zero),
            ])
    }

    @Test func missingTotalsKeepThePartsWithoutARemainder() throws {
        let cells = try cells("{\"by_model\":[{\"model\":\"a\",\"cost\":{\"micro\":5},\"count\":1}]}")
        #expect(
            cells == [
                Cell(.cost, ["", "a"], micros(5)), Cell(.requests, ["", "a"], ExactDecimal(1)),
                Cell(.outcomes, ["", "a", "success"], ExactDecimal(1)),
            ])
    }

    @Test func excessAndNegativePartsShowOnlyInTheDifference() throws {
        let beyond = try cells(
            """
            {"total_cost":{"micro":4},"by_model":[{"model":"a","cost":{"micro":5}}],
            "by_modality":[{"modality":"image","cost":{"micro":7},"count":1}]}
            """)
        #expect(beyond.contains(Cell(.reconciliation, [], micros(-1))))
        #expect(beyond.filter { $0.family == .cost } == [Cell(.cost, ["", "a"], micros(5))])
        #expect(beyond.filter { $0.family == .modalityCost } == [Cell(.modalityCost, ["image"], micros(7))])
        let negative = try cells(
            """
            {"total_cost":{"micro":-3},"generation_count":-1,
            "by_model":[{"model":"a","cost":{"micro":-3},"count":-1}]}
            """)
        #expect(negative.contains(Cell(.reconciliation, [], micros(-3))))
        #expect(negative.allSatisfy { $0.family == .reconciliation || $0.value.isZero })
    }

    @Test func absurdNumbersDoNotTrap() throws {
        // Larger numbers are rejected earlier.
        let most = 1_000_000_000_000_000
        let cells = try cells(
            """
            {"total_cost":{"micro":\(most)},"generation_count":\(most),
            "by_model":[{"model":"a","cost":{"micro":\(most)},"count":\(most)},
            {"model":"a","cost":{"micro":\(most)},"count":\(most)}]}
            """)
        #expect(cells.contains { $0.family == .cost && $0.labels == ["", "a"] })
    }

    @Test func anotherCurrencyIsNeverCountedAsUSD() throws {
        let cells = try cells(
            """
            {"total_cost":{"micro":2000000,"currency":"EUR"},"generation_count":2,
            "by_modality":[{"modality":"image","count":2,"cost":{"micro":2000000}}],
            "by_model":[{"model":"a","count":2,"cost":{"micro":1500000}}]}
            """)
        #expect(
            cells == [
                Cell(.credits, ["", "a", "eur"], micros(1_500_000)), Cell(.credits, ["", "", "eur"], micros(500_000)),
                Cell(.requests, ["", "a"], ExactDecimal(2)), Cell(.outcomes, ["", "a", "success"], ExactDecimal(2)),
                Cell(.modalityRequests, ["image"], ExactDecimal(2)),
            ])
    }

    @Test func keysAreCountedByModelAndTheRestHasTheEmptyKey() throws {
        let cells = try cells(
            """
            {"total_cost":{"micro":100},"generation_count":10,"by_model":[{"model":"a","count":6,"cost":{"micro":60}},
            {"model":"b","count":3,"cost":{"micro":30}}]}
            """,
            keys: [
                "web": """
                {"total_cost":{"micro":45},"generation_count":5,"by_model":[{"model":"a","count":4,"cost":{"micro":40}}]}
                """,
                "idle": "{\"total_cost\":{\"micro\":0},\"generation_count\":0,\"by_model\":[]}",
            ])
        let shares = [("web", "a", 40, 4), ("web", "", 5, 1), ("", "a", 20, 2), ("", "b", 30, 3), ("", "", 5, 0)]
        var expected: Set<Cell> = [
            Cell(.keyCost, ["web"], micros(45)), Cell(.keyCost, ["idle"], .zero), Cell(.keyCost, [""], micros(55)),
            Cell(.reconciliation, [], micros(10)),
        ]
        for (key, model, micro, count) in shares {
            expected.insert(Cell(.cost, [key, model], micros(micro)))
            guard count > 0 else { continue }
            expected.insert(Cell(.requests, [key, model], ExactDecimal(count)))
            expected.insert(Cell(.outcomes, [key, model, "success"], ExactDecimal(count)))
        }
        #expect(cells == expected)
    }

    @Test func keyThatTheProviderNoLongerKnowsKeepsItsCells() throws {
        let key = try breakdown(
            """
            {"total_cost":{"micro":45},"generation_count":5,"by_model":[{"model":"a","count":4,"cost":{"micro":40}}]}
            """)
        var day = FairStackDay(whole: try breakdown(Self.example), keys: ["web": key])
        let cells = day.cells()
        day.keys["web"] = FairStackBreakdown(stored: cells, key: "web")
        #expect(Set(day.cells()) == Set(cells))
    }

    @Test func modelThatOnlyTheKeysListReducesTheUnlistedRemainder() throws {
        let cells = try cells(
            "{\"total_cost\":{\"micro\":100},\"by_model\":[{\"model\":\"a\",\"cost\":{\"micro\":60}}]}",
            keys: ["web": "{\"total_cost\":{\"micro\":30},\"by_model\":[{\"model\":\"rare\",\"cost\":{\"micro\":30}}]}"]
        )
        let cost = cells.filter { $0.family == .cost }
        #expect(
            cost == [
                Cell(.cost, ["web", "rare"], micros(30)), Cell(.cost, ["", "a"], micros(60)),
                Cell(.cost, ["", ""], micros(10)),
            ])
    }

    @Test func restIsReducedIfKeysAndAccountContradictEachOther() throws {
        let whole = "{\"total_cost\":{\"micro\":10},\"by_model\":[{\"model\":\"a\",\"cost\":{\"micro\":4}}]}"
        let key = "{\"total_cost\":{\"micro\":8},\"by_model\":[{\"model\":\"b\",\"cost\":{\"micro\":3}}]}"
        let cost = try cells(whole, keys: ["web": key]).filter { $0.family == .cost }
        #expect(
            cost == [
                Cell(.cost, ["web", "b"], micros(3)), Cell(.cost, ["web", ""], micros(5)),
                Cell(.cost, ["", "a"], micros(2)),
            ])
    }

    @Test func reducedRestKeepsEarlierAmountsOfItsModels() throws {
        let day = FairStackDay(
            whole: try breakdown(
                """
                {"total_cost":{"micro":10},"by_model":[{"model":"a","cost":{"micro":4}},
                {"model":"z","cost":{"micro":4}}]}
                """),
            keys: ["web": try breakdown("{\"total_cost\":{\"micro\":5},\"by_model\":[]}")])
        let rest = day.cells(after: [Cell(.cost, ["", "z"], micros(3)), Cell(.cost, ["web", ""], micros(2))])
            .filter { $0.family == .cost && $0.labels[0].isEmpty }
        #expect(Set(rest) == [Cell(.cost, ["", "z"], micros(3)), Cell(.cost, ["", "a"], micros(2))])
    }

    @Test func keysBeyondTheTotalShowInTheDifferenceAndTheRestKeepsItsAmounts() throws {
        let whole = "{\"total_cost\":{\"micro\":10},\"by_model\":[{\"model\":\"a\",\"cost\":{\"micro\":10}}]}"
        let key = "{\"total_cost\":{\"micro\":12},\"by_model\":[{\"model\":\"a\",\"cost\":{\"micro\":12}}]}"
        let cells = try cells(whole, keys: ["web": key])
        #expect(cells.contains(Cell(.reconciliation, [], micros(-2))))
        #expect(cells.filter { $0.family == .cost } == [Cell(.cost, ["web", "a"], micros(12))])
        // Usage arrived between the responses, so the remainder must not shrink.
        let kept = try self.cells(
            whole, keys: ["web": key],
            keeping: [Cell(.cost, ["", "a"], micros(3)), Cell(.cost, ["web", "a"], micros(7))])
        #expect(kept.contains(Cell(.cost, ["", "a"], micros(3))))
        #expect(kept.contains(Cell(.cost, ["web", "a"], micros(12))))
    }
}

/// Returns a response with this body.
func answer(_ json: String) -> UpstreamResponse {
    UpstreamResponse(status: 200, headers: [:], body: Array(json.utf8))
}

/// Returns an amount in millionths of a dollar.
func micros(_ count: Int) -> ExactDecimal { ExactDecimal(micros: count) }
