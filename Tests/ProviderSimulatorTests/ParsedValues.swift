import Testing
import UsageModel

func at(_ text: String) throws -> Timestamp {
    try #require(Timestamp(text))
}

func usd(_ text: String) throws -> ExactDecimal {
    try #require(ExactDecimal(text))
}
