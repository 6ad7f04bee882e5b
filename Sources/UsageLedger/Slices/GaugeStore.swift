import Foundation
import GRDB
import UsageModel

/// Reads and writes the last gauges of a source: one row for each family, with its samples as JSON.
struct GaugeStore {
    private let source: SourceID
    private let families: UsageFamilies
    private let db: Database

    init(of source: SourceID, _ families: UsageFamilies, _ db: Database) {
        self.source = source
        self.families = families
        self.db = db
    }

    func all() throws -> [GaugeFamily: [GaugeSample]] {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT family, samples FROM gauge WHERE source = ?"), arguments: [source.row])
        var gauges: [GaugeFamily: [GaugeSample]] = [:]
        for row in rows {
            // Keep families that this version does not know.
            guard let family = families.gaugeFamily(row[0]) else { continue }
            gauges[family] = try decode(row[1])
        }
        return gauges
    }

    /// Replaces the given families and returns those that changed.
    func replace(_ gauges: [GaugeFamily: [GaugeSample]]) throws -> [GaugeFamily: [GaugeSample]] {
        guard !gauges.isEmpty else { return [:] }
        let before = try all()
        var changed: [GaugeFamily: [GaugeSample]] = [:]
        for (family, samples) in gauges {
            guard families.gaugeFamily(family.name) != nil else { throw LedgerError.undeclaredFamily(family.name) }
            // Omit NaN and infinities (metrics law 6), which JSON cannot represent either.
            let finite = samples.filter(\.value.isFinite)
            guard finite != before[family] ?? [] else { continue }
            changed[family] = finite
            if finite.isEmpty {
                try db.cachedStatement(sql: "DELETE FROM gauge WHERE source = ? AND family = ?")
                    .execute(arguments: [source.row, family.name])
            } else {
                try db.cachedStatement(
                    sql: """
                        INSERT INTO gauge (source, family, samples) VALUES (?, ?, ?)
                        ON CONFLICT (source, family) DO UPDATE SET samples = excluded.samples
                        """
                ).execute(arguments: [source.row, family.name, try encode(finite)])
            }
        }
        return changed
    }

    private func encode(_ samples: [GaugeSample]) throws -> String {
        String(decoding: try JSONEncoder().encode(samples), as: UTF8.self)
    }

    private func decode(_ text: String) throws -> [GaugeSample] {
        do {
            return try JSONDecoder().decode([GaugeSample].self, from: Data(text.utf8))
        } catch {
            throw LedgerError.unreadable("stored gauges cannot be read")
        }
    }
}
