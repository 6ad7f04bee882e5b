import Foundation
import UsageModel

/// The prices for estimating the cost of one day's successful requests: USD by model or bot.
///
/// A day keeps the prices of its first read, so that a change in the config does not change history:
///
/// | read of the day | prices |
/// |---|---|
/// | first | the config's |
/// | later, while the day is open | those of the first read; the config's for models that had none |
/// | after the day | those of the first read, and of the config while the day was open |
struct UseAPIPrices: Equatable {
    private let values: [String: ExactDecimal]
    private let bot: String

    /// - Parameters:
    ///   - configured: the config's prices.
    ///   - remembered: the value of `text` at the day's last read; nil if there was none.
    ///   - isFirst: whether the day was never read before.
    ///   - isOpen: whether the day has not ended.
    init(
        _ configured: [String: ExactDecimal], remembered: String?, isFirst: Bool, isOpen: Bool, bot: String
    ) {
        self.bot = bot
        guard !isFirst else {
            values = configured
            return
        }
        let kept = Self.read(remembered)
        guard isOpen else {
            values = kept
            return
        }
        let hadNone = configured.filter { name, _ in kept[name] == nil && (name == bot || kept[bot] == nil) }
        values = kept.merging(hadNone) { kept, _ in kept }
    }

    /// Returns the price of a model's successful request: the model's own, or else the bot's.
    func price(of model: String) -> ExactDecimal? { values[model] ?? values[bot] }

    /// The prices as JSON to store; nil if there are none.
    var text: String? {
        guard !values.isEmpty else { return nil }
        return try? RememberedJSON.text(of: values.mapValues(\.description))
    }

    private static func read(_ text: String?) -> [String: ExactDecimal] {
        let texts = text.flatMap { try? JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
        return (texts ?? [:]).compactMapValues { ExactDecimal($0) }
    }
}
