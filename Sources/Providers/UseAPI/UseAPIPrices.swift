import Foundation
import UsageModel

/// The prices that one day's successful requests are estimated with: USD by model or bot.
///
/// A day keeps the prices of its first reading, so that a change in the config moves no history:
///
/// | the day | prices |
/// |---|---|
/// | is read for the first time | the config's |
/// | is read again while it goes on | those of its first reading, and the config's for what had none |
/// | is read again later | those of its first reading, and of the config while it went on |
struct UseAPIPrices: Equatable {
    private let values: [String: ExactDecimal]
    private let bot: String

    /// - Parameters:
    ///   - configured: the config's prices.
    ///   - remembered: what `text` was after the day's last reading; nil where there was nothing.
    ///   - isFirst: whether the day was never read before.
    ///   - isOpen: whether the day goes on.
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

    /// The price of a model's successful request: the model's own, or else the bot's.
    func price(of model: String) -> ExactDecimal? { values[model] ?? values[bot] }

    /// The prices as they are remembered; nil where there are none.
    var text: String? {
        guard !values.isEmpty else { return nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return (try? encoder.encode(values.mapValues(\.description))).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func read(_ text: String?) -> [String: ExactDecimal] {
        let texts = text.flatMap { try? JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
        return (texts ?? [:]).compactMapValues { ExactDecimal($0) }
    }
}
