import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of cost by modality, another breakdown of the same charges.
@Suite struct VeniceModalityTests {
    private static func body(_ models: String?, total: String = "10") -> String {
        let byModel = models.map { ",\"byModel\":\($0)" } ?? ""
        return "{\"byDate\":[{\"date\":\"2026-06-15\",\"USD\":\(total),\"DIEM\":3}],\"byKey\":[]\(byModel)}"
    }

    private func read(_ body: String, hour: Int = 10, after earlier: KeptVisit? = nil) async throws -> KeptVisit {
        let day = try #require(UTCDay("2026-06-15"))
        let context = KeptVisit(
            now: day.start + .hours(hour), due: [SliceID(period: day.period)], after: earlier)
        try await VeniceAnalyticsSource(api: ScriptedVenice { _, _ in veniceAnswer(body) }).sync(context)
        return context
    }

    private func modalities(_ context: KeptVisit) -> [String: ExactDecimal] {
        let cells = context.committed.flatMap(\.cells).filter { $0.family == .modalityCost }
        return Dictionary(cells.map { ($0.labels[0], $0.value) }, uniquingKeysWith: +)
    }

    private static let models = """
        [{"modelName":"GLM 5.1","modelType":"LLM","unitType":"tokens","totalUsd":4,"totalDiem":3,"breakdown":[]},
        {"modelName":"Llama","modelType":"LLM","totalUsd":"1.5"},{"modelName":"Flux","modelType":"IMAGE","totalUsd":2},
        {"modelName":"Kokoro","modelType":"TTS","totalUsd":null},{"modelName":"New","modelType":null,"totalUsd":0.5}]
        """

    @Test("cost is summed by type, and the parts sum to the day's total")
    func types() async throws {
        let context = try await read(Self.body(Self.models))
        let found = modalities(context)
        #expect(found == ["llm": try decimal("5.5"), "image": ExactDecimal(2), "": try decimal("2.5")])
        #expect(
            context.gauges[.modelInfo] == [
                GaugeSample(["Flux", "image"], 1), GaugeSample(["GLM 5.1", "llm"], 1),
                GaugeSample(["Kokoro", "tts"], 1),
                GaugeSample(["Llama", "llm"], 1),
            ])
    }

    @Test("models of earlier days keep their type")
    func earlierModels() async throws {
        let first = try await read(Self.body(Self.models))
        let next = try await read(
            Self.body("[{\"modelName\":\"Sora\",\"modelType\":\"VIDEO\",\"totalUsd\":1}]"), hour: 11, after: first)
        #expect(next.gauges[.modelInfo]?.map { $0.labels[0] } == ["Flux", "GLM 5.1", "Kokoro", "Llama", "Sora"])
    }

    @Test(
        "without types there is no breakdown, and an earlier one stays",
        arguments: [
            nil, "[]", "null", "{}", "[null]", "[{\"modelName\":\"GLM\",\"totalUsd\":4}]",
            "[{\"modelName\":\"GLM\",\"modelType\":\"LLM\",\"totalUsd\":\"∞\"}]",
        ] as [String?])
    func withoutTypes(models: String?) async throws {
        let context = try await read(Self.body(models))
        #expect(modalities(context) == [:])
        #expect(context.sum(.keyCost) == ExactDecimal(10))
        let first = try await read(Self.body(Self.models))
        let second = try await read(Self.body(models), hour: 11, after: first)
        #expect(modalities(second) == modalities(first))
    }

    @Test("cost that gets its type later counts once")
    func lateType() async throws {
        let first = try await read(Self.body("[{\"modelName\":\"Flux\",\"modelType\":\"IMAGE\",\"totalUsd\":2}]"))
        #expect(modalities(first) == ["image": ExactDecimal(2), "": ExactDecimal(8)])
        let typed = "{\"modelName\":\"GLM\",\"modelType\":\"LLM\",\"totalUsd\":8}"
        let second = try await read(
            Self.body("[{\"modelName\":\"Flux\",\"modelType\":\"IMAGE\",\"totalUsd\":2},\(typed)]"), hour: 11,
            after: first)
        let found = modalities(second)
        #expect(found.values.reduce(.zero, +) == ExactDecimal(10))
        #expect(found[""] == ExactDecimal(8))
    }
}
