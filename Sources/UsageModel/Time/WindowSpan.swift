/// A span of calendar days whose totals are exported as `genai_window_*` gauges, in UTC.
public enum WindowSpan: String, Sendable, Hashable, CaseIterable {
    /// From midnight to now.
    case today
    /// The whole day before.
    case yesterday
    /// From the first of this month to now.
    case monthToDate = "month_to_date"
    /// The whole month before.
    case previousMonth = "previous_month"

    /// The days of this window as seen on `today`.
    public func days(on today: UTCDay) -> ClosedRange<UTCDay> {
        switch self {
        case .today: return today...today
        case .yesterday: return today.advanced(by: -1)...today.advanced(by: -1)
        case .monthToDate: return today.startOfMonth...today
        case .previousMonth:
            let last = today.startOfMonth.advanced(by: -1)
            return last.startOfMonth...last
        }
    }
}
