/// The unit words that the lint rules know: those of promlint's unit table, with `mebi` spelled as IEC does.
enum LintUnits {
    /// Short forms that a name should spell out.
    static let abbreviations = ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"]

    /// The base unit of a unit word such as `bytes`, `hours` or `milliseconds`; nil when the word is no unit.
    static func base(of word: String) -> String? {
        if let base = bases[word] { return base }
        return prefixes.lazy.filter(word.hasPrefix).compactMap { bases[String(word.dropFirst($0.count))] }.first
    }

    private static let bases = [
        "amperes": "amperes", "bytes": "bytes", "celsius": "celsius", "grams": "grams", "joules": "joules",
        "kelvin": "kelvin", "meters": "meters", "metres": "metres", "seconds": "seconds", "volts": "volts",
        "minutes": "seconds", "hours": "seconds", "days": "seconds", "weeks": "seconds",
        "kelvins": "kelvin", "fahrenheit": "celsius", "rankine": "celsius",
        "inches": "meters", "yards": "meters", "miles": "meters",
        "bits": "bytes", "calories": "joules", "pounds": "grams", "ounces": "grams",
    ]

    private static let prefixes = [
        "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mebi", "giga",
        "gibi", "tera", "tebi", "peta", "pebi",
    ]
}
