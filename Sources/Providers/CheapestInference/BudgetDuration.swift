import UsageModel

/// Reads a budget's `duration`, which the documentation leaves opaque: `30d`, `5h`, `1h30m`.
///
/// Units are `s m h d w`; a month (`1mo`) has no fixed length and so has none here. Nil for anything else.
func budgetDuration(_ text: String) -> Duration? {
    var seconds = 0
    var number: Int?
    for character in text.lowercased() where !character.isWhitespace {
        if let digit = character.wholeNumberValue, character.isASCII {
            let next = (number ?? 0) * 10 + digit
            // A century is no budget period, and what is longer need not fit a number.
            guard next <= 10_000_000_000 else { return nil }
            number = next
            continue
        }
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let count = number, let unit = units[character], count <= 3_200_000_000 / unit else { return nil }
        seconds += count * unit
        number = nil
    }
    return seconds > 0 && seconds <= 3_200_000_000 && number == nil ? .seconds(seconds) : nil
}
