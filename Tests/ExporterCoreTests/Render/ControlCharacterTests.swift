import Testing
import UsageModel

@testable import ExporterCore
@testable import UsageLedger

/// Names that differ only in control characters are equal in an exposition, so they are one series.
@Suite struct ControlCharacterTests {
    private static let names = ["m\u{1}x", "m\u{2}x", "m\u{7F}x", "m\u{FFFD}x"]

    private let view = LabelView(LabelOptions(), salt: "salt", limit: 100)

    @Test(
        "gauges with equal sanitized labels are one sample",
        arguments: GaugeFamily.common.filter { !$0.labelNames.isEmpty })
    func gauges(family: GaugeFamily) {
        var rendering = GaugeRendering(account: 0, accountLabels: ["wavespeed", "media"], view: view)
        let samples = Self.names.map { name in GaugeSample(family.labelNames.map { _ in name }, 2) }
        _ = rendering.changes(for: [family: samples], from: "a")
        #expect(rendering.samples(of: family).map(\.labels) == [family.labelNames.map { _ in "m\u{FFFD}x" }])
    }

    @Test(
        "counters with equal sanitized labels are one series with their sum",
        arguments: LedgerFamily.common.filter { $0 != .reconciliation && $0 != .duration && !$0.labelNames.isEmpty })
    func counters(family: LedgerFamily) throws {
        var rendering = LedgerSeriesRendering(
            account: 0, accountLabels: ["wavespeed", "media"], zeroFirst: nil, view: view,
            catalogue: .standard)
        let totals = Self.names.enumerated().map { number, name in
            SeriesTotal(
                id: Int64(number + 1), family: family, labels: family.labelNames.map { _ in name },
                sum: ExactDecimal(2), counter: ExactDecimal(2), startedAt: friday, bornAt: nil, isReleased: true,
                source: SourceID(row: 1), rank: number + 1, elsewhere: .zero)
        }
        let alone = try rendering.take(totals)
        let together = try rendering.groupChanges()
        #expect(alone.isEmpty)
        #expect(together.count == 1)
        guard case .set(_, _, _, _, let value, _)? = together.first else { return }
        #expect(value == .number(8))
    }
}
