import UsageLedger
import UsageModel

/// Writes the ledger's days as a FOCUS cost-and-usage file: a row per UTC day, account, key, model and charge.
///
/// `BilledCost` is the daily total of `genai_cost_usd_total`, so its sum over a month is the month's
/// `genai_window_cost_usd`. Rows are never folded by the series limit.
package struct FocusExport: Sendable {
    package struct Progress: Sendable {
        /// Number of written series.
        package let done: Int
        /// Number of all series.
        package let total: Int
    }

    package struct Summary: Sendable {
        /// Number of written rows.
        package fileprivate(set) var rows = 0
        /// The first day that the ledger has of each account that begins after the requested days do.
        package fileprivate(set) var lateStarts: [(account: String, day: UTCDay)] = []
    }

    private let days: ClosedRange<UTCDay>
    private let version: FocusVersion
    /// The config with the accounts, label options and owners; nil to export every account with the provider's labels.
    private let configuration: ExporterConfiguration?

    package init(days: ClosedRange<UTCDay>, version: FocusVersion, configuration: ExporterConfiguration?) {
        self.days = days
        self.version = version
        self.configuration = configuration
    }

    /// Writes the file of a ledger. An exporter may write to the ledger at the same time.
    ///
    /// - Parameters:
    ///   - folder: the ledger's folder.
    ///   - write: called with each chunk of the text.
    ///   - progress: called after each series.
    /// - Throws: `LedgerError`, and what `write` throws.
    package func run(
        folder: String, write: @escaping @Sendable ([UInt8]) throws -> Void,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Summary {
        let families = configuration?.families ?? MetricCatalogue.standard.usage
        return try await LedgerHistory.read(folder: folder, families: families) { ledger in
            var summary = Summary()
            let groups = try groups(ledger, &summary)
            let columns = version.columns
            var buffer: [UInt8] = []
            CSVRow.append(columns.map(\.rawValue), to: &buffer)
            for (index, group) in groups.enumerated() {
                for charge in try group.charges(ledger, days: days) {
                    CSVRow.append(columns.lazy.map { $0.value(of: charge) }, to: &buffer)
                    summary.rows += 1
                }
                progress(Progress(done: index + 1, total: groups.count))
                guard buffer.count > 65_536 else { continue }
                try write(buffer)
                buffer = []
            }
            if !buffer.isEmpty { try write(buffer) }
            return summary
        }
    }

    private func groups(_ ledger: LedgerHistory, _ summary: inout Summary) throws -> [FocusGroup] {
        let salt = try ledger.labelSalt() ?? ""
        var groups: [FocusGroup] = []
        for account in try ledger.accounts() {
            var labels = LabelOptions()
            if let configuration {
                guard let configured = configuration.account(of: account) else { continue }
                labels = configured.labels
            }
            if account.firstDay > days.lowerBound {
                summary.lateStarts.append((account: account.name, day: account.firstDay))
            }
            groups += FocusGroup.groups(
                of: try ledger.series(of: account.id), account: account,
                view: LabelView(labels, salt: salt, limit: .max), owners: configuration?.owners ?? Owners())
        }
        return groups
    }
}
