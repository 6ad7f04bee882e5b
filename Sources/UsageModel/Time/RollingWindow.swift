/// A span up to now over which a provider itself counts usage (`genai_window_*`).
public enum RollingWindow: String, Sendable, Hashable, CaseIterable {
    case lastHour = "last_1h"
    case lastDay = "last_24h"
    case lastWeek = "last_7d"
    case lastMonth = "last_30d"

    /// Its length.
    public var span: Duration {
        switch self {
        case .lastHour: .hours(1)
        case .lastDay: .days(1)
        case .lastWeek: .days(7)
        case .lastMonth: .days(30)
        }
    }
}
