import ConfigReading
import UsageModel

/// Reads the section `global`.
enum GlobalSection {
    private static let keys = [
        "sync_interval", "timeout", "history", "ledger_start", "zero_first", "windows", "series_limit", "retention",
    ]

    /// Reads the section, with defaults for missing keys.
    static func read(_ section: ConfigurationValue?, today: UTCDay) -> GlobalConfiguration {
        var global = GlobalConfiguration.standard
        guard let section, let mapping = section.mapping() else { return global }
        mapping.rejectUnknownKeys(known: keys)
        if let value = mapping["sync_interval"]?.duration(in: ConfigurationLimits.syncInterval, example: "5m") {
            global.syncInterval = value
        }
        if let value = mapping["timeout"]?.duration(in: ConfigurationLimits.timeout, example: "30s") {
            global.timeout = value
        }
        if let value = mapping["zero_first"]?.duration(in: .zero...(.hours(1)), example: "90s") {
            global.zeroFirst = value
        }
        if let value = mapping["series_limit"]?.wholeNumber(in: ConfigurationLimits.series) {
            global.seriesLimit = value
        }
        if let windows = mapping["windows"]?.list(of: "windows") { global.windows = read(windows) }
        if let value = mapping["retention"]?.duration(in: .days(1)...(.days(3660)), example: "400d") {
            global.retention = value
            rejectTooShort(retention: value, for: global.windows, at: mapping["retention"])
        }
        if let beginning = LedgerBeginning.read(mapping, retention: global.retention, today: today) {
            if case .history(let history) = beginning { global.history = history }
            if case .day(let day) = beginning { global.ledgerStart = day }
        } else if global.history > global.retention {
            // Only the retention was set, to less than the default history.
            global.history = global.retention
        }
        return global
    }

    private static func read(_ items: [ConfigurationValue]) -> [WindowSpan] {
        var windows: [WindowSpan] = []
        for item in items {
            guard let window = item.choice(WindowSpan.self) else { continue }
            if windows.contains(window) {
                item.problem("the window \(window.rawValue) is listed twice: keep one")
            } else {
                windows.append(window)
            }
        }
        return windows
    }

    /// Reports windows longer than the retention, which never are complete because they sum daily roll-ups.
    private static func rejectTooShort(
        retention: Duration, for windows: [WindowSpan], at value: ConfigurationValue?
    ) {
        for window in windows {
            let needed: Duration =
                switch window {
                case .today: .days(1)
                case .yesterday: .days(2)
                case .monthToDate, .previousMonth: LedgerBeginning.monthlyRetention
                }
            guard retention < needed else { continue }
            let isMonthly = needed == LedgerBeginning.monthlyRetention
            let least = isMonthly ? LedgerBeginning.monthlyRetentionText : DurationNotation.text(needed)
            value?.problem("the window \(window.rawValue) needs at least \(least): keep more, or leave the window out")
        }
    }
}

/// The valid ranges of keys that `global` and accounts share.
enum ConfigurationLimits {
    static let syncInterval = Duration.milliseconds(100)...(.days(7))
    static let timeout = Duration.milliseconds(100)...(.minutes(10))
    static let series = 1...10_000_000
}

extension LedgerBeginning {
    /// The minimum retention for monthly windows and budgets: two months of 31 days, and the day on which the older one
    /// is deleted.
    static let monthlyRetention = Duration.days(63)
    /// The same in messages: in days, like the key's default.
    static let monthlyRetentionText = "63d"
}

/// The beginning of a ledger: either the key `history` or `ledger_start`.
enum LedgerBeginning {
    case history(Duration)
    case day(UTCDay)

    /// Reads the keys of a mapping; nil if both are missing or one is invalid.
    static func read(_ mapping: ConfigurationMapping, retention: Duration, today: UTCDay) -> LedgerBeginning? {
        if let start = mapping["ledger_start"] {
            if mapping["history"] != nil { start.problem("give one of history and ledger_start, not both") }
            guard let day = start.day() else { return nil }
            guard day <= today else {
                start.problem("\(day) is in the future: expected a day up to today, \(today)")
                return nil
            }
            return .day(day)
        }
        guard let value = mapping["history"],
            let history = value.duration(in: .hours(1)...(.days(3660)), example: "30d")
        else { return nil }
        guard history <= retention else {
            let kept = DurationNotation.text(retention)
            let wanted = DurationNotation.text(history)
            value.problem("\(wanted) is longer than the retention, \(kept): raise global.retention")
            return nil
        }
        return .history(history)
    }
}

/// Reads the section `labels`, of the document or of an account.
enum LabelsSection {
    /// The labels that can be renamed, because their values come from a provider.
    static let renamable = ["key", "model", "bot", "plan", "modality"]

    /// Reads the section. Missing keys are inherited, and an account's `rename` is added to the inherited one.
    static func read(_ section: ConfigurationValue?, inherited: LabelOptions) -> LabelOptions {
        var options = inherited
        guard let section, let mapping = section.mapping() else { return options }
        mapping.rejectUnknownKeys(known: ["hash_keys", "rename"])
        if let value = mapping["hash_keys"]?.boolean() { options.hashKeys = value }
        guard let labels = mapping["rename"]?.mapping() else { return options }
        labels.rejectUnknownKeys(known: renamable)
        for label in labels.entries where renamable.contains(label.key) {
            for name in label.value.mapping()?.entries ?? [] {
                guard let shown = name.value.text("the new name as text") else { continue }
                guard shown.utf8.count <= 1024, !shown.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
                    name.value.problem("expected a name of at most 1024 bytes on one line")
                    continue
                }
                options.rename[label.key, default: [:]][name.key] = shown
            }
        }
        return options
    }
}
