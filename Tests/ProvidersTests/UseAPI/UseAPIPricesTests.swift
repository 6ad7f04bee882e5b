import Testing
import UsageModel

@testable import Providers

@Suite struct UseAPIPricesTests {
    private func prices(
        _ configured: [String: Int], remembered: String? = nil, isFirst: Bool = false, isOpen: Bool
    ) -> UseAPIPrices {
        UseAPIPrices(
            configured.mapValues { ExactDecimal($0) }, remembered: remembered, isFirst: isFirst, isOpen: isOpen,
            bot: "kling")
    }

    @Test(arguments: [true, false])
    func firstReadUsesTheConfigsPrices(isOpen: Bool) {
        let first = prices(["m": 2, "kling": 3], isFirst: true, isOpen: isOpen)
        #expect(first.price(of: "m") == ExactDecimal(2))
        #expect(first.price(of: "kling") == ExactDecimal(3))
        // A model without a price has the bot's price.
        #expect(first.price(of: "other") == ExactDecimal(3))
        #expect(prices([:], isFirst: true, isOpen: isOpen).price(of: "m") == nil)
    }

    @Test(arguments: [true, false])
    func changedAndRemovedPricesDoNotAffectAReadDay(isOpen: Bool) throws {
        let text = try #require(prices(["m": 2, "n": 4], isFirst: true, isOpen: true).text)
        let again = prices(["m": 7], remembered: text, isOpen: isOpen)
        #expect(again.price(of: "m") == ExactDecimal(2))
        #expect(again.price(of: "n") == ExactDecimal(4))
        #expect(again.text == text)
    }

    @Test func newPriceAppliesFromTheOpenDay() {
        let open = prices(["m": 7], isOpen: true)
        #expect(open.price(of: "m") == ExactDecimal(7))
        #expect(prices(["m": 7], isOpen: false).price(of: "m") == nil)
        #expect(prices(["m": 7], remembered: open.text, isOpen: false).price(of: "m") == ExactDecimal(7))
    }

    @Test func modelPriceReplacesTheBotsPriceFromTheNextDay() throws {
        let text = try #require(prices(["kling": 3], isFirst: true, isOpen: true).text)
        #expect(prices(["kling": 3, "m": 7], remembered: text, isOpen: true).price(of: "m") == ExactDecimal(3))
        let models = try #require(prices(["m": 2], isFirst: true, isOpen: true).text)
        let both = prices(["m": 2, "kling": 9], remembered: models, isOpen: true)
        #expect(both.price(of: "m") == ExactDecimal(2))
        #expect(both.price(of: "n") == ExactDecimal(9))
    }

    @Test func priceIsStoredExactly() throws {
        let price = try #require(ExactDecimal("0.00000000000000000123"))
        let first = UseAPIPrices(["m": price], remembered: nil, isFirst: true, isOpen: true, bot: "kling")
        let again = UseAPIPrices([:], remembered: first.text, isFirst: false, isOpen: false, bot: "kling")
        #expect(again == first)
    }
}
