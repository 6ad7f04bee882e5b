import Testing

@testable import Providers

/// Tests of the model in the text of a line item.
@Suite struct OpenAILineItemTests {
    @Test(
        "the model is the text before the first comma, without tier and modality",
        arguments: [
            ("gpt-9-mini-2026-10-01, input", "gpt-9-mini-2026-10-01"), ("gpt-9, output", "gpt-9"),
            ("gpt-9, cached input", "gpt-9"), ("gpt-9, cache writes", "gpt-9"), ("priority | gpt-9, input", "gpt-9"),
            ("gpt-9-realtime audio, input", "gpt-9-realtime"), ("priority | gpt-9-audio audio, output", "gpt-9-audio"),
            ("gpt-image-9 image, output", "gpt-image-9"), ("gpt-9, input, long context", "gpt-9"),
            ("ft:gpt-9:org::abc, input", "ft:gpt-9:org::abc"),
        ])
    func models(item: String, model: String) {
        #expect(OpenAILineItem.model(of: item) == model)
    }

    @Test(
        "an item of no model has none",
        arguments: [
            "web search tool calls", "vector storage", "assistants api | file search", "", ",", "gpt-9,input",
            ", input",
            "a new kind of charge, per unit", "gpt-9 fine-tuned, input", "priority | , input",
        ])
    func noModel(item: String) {
        #expect(OpenAILineItem.model(of: item).isEmpty)
    }

    @Test("a text longer than a label is bounded")
    func long() {
        #expect(OpenAILineItem.model(of: String(repeating: "m", count: 5000) + ", input").utf8.count <= 1024)
    }
}
