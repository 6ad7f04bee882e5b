import Foundation
import UsageModel

/// How a day was first read, and what `daily` reported when it was last read. A pure value, stored as JSON for as long
/// as the day's cells are kept.
struct FairStackDayMemory: Equatable, Codable {
    /// A day keeps the keys that it was first read with: usage that moved from `key=""` to a key that was added to the
    /// config later would count twice, because the counter that it leaves never falls.
    private(set) var keys: [FairStackKey]
    /// Names of keys whose share of the day stays as it is stored: the API did not know them at one reading of the day,
    /// and what they used since then is counted under `key=""`.
    private(set) var frozen: [String] = []
    /// What `daily` reported at the last reading.
    private(set) var figures = FairStackDayFigures.unlisted
    /// Whether the last reading agreed with `figures`; if not, one of the two endpoints was ahead of the other.
    private(set) var isConfirmed = false

    /// Days after which a day's memory is dropped: its cells are gone by then.
    static let lifetime = 101
    /// How long a closed day whose two endpoints disagree is left before it is read again.
    static let patience = Duration.days(1)

    /// The memory of a day of which nothing is remembered: a day with cells keeps their keys.
    init(configured: [FairStackKey], cells: [Cell]) {
        let families: Set<LedgerFamily> = [.cost, .credits, .requests, .keyCost, .keyCredits]
        let names = Set(cells.filter { families.contains($0.family) }.map { $0.labels[0] })
        keys = cells.isEmpty ? configured : configured.filter { names.contains($0.name) }
        // Without an id there is nothing to query by.
        frozen = names.subtracting(keys.map(\.name)).subtracting([""]).sorted()
    }

    /// What was stored; nil where nothing was, or where it cannot be read.
    init?(stored: String?) {
        guard let stored, let memory = try? JSONDecoder().decode(Self.self, from: Data(stored.utf8)) else { return nil }
        self = memory
    }

    /// The name under which a day's memory is stored.
    static func name(of day: UTCDay) -> String { "day/\(day)" }

    /// The stored form.
    func encoded() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// The keys to query.
    var queried: [FairStackKey] { keys.filter { !frozen.contains($0.name) } }

    /// Keeps a key's share of the day as it is stored.
    mutating func freeze(_ key: FairStackKey) {
        if !frozen.contains(key.name) { frozen.append(key.name) }
    }

    /// Records a reading.
    mutating func record(_ figures: FairStackDayFigures, isConfirmed: Bool) {
        self.figures = figures
        self.isConfirmed = isConfirmed
    }
}

/// What to do with a day of a sync.
enum FairStackDayStep: Equatable {
    /// Nothing has changed: its cells stay.
    case keep
    /// Query the day itself.
    case read
    /// `daily` has no usage of the day: it is empty where the total of its range confirms that, else it is read.
    case confirm

    /// Decides on a day of the re-read schedule.
    ///
    /// - Parameter isOpen: whether the day is still going on.
    init(_ due: DueSlice, _ figures: FairStackDayFigures, _ memory: FairStackDayMemory?, isOpen: Bool) {
        let isReread = due.lastRead != nil
        // The last reading is a whole one: usage that moved between models leaves the day's sums as they were.
        let isLast = due.settles && isReread
        if !isLast, isReread, let memory, memory.isConfirmed, figures.isKnown, memory.figures == figures {
            self = .keep
        } else if !isOpen, !isLast, memory == nil, figures == .unlisted || figures.isZero {
            self = .confirm
        } else {
            self = .read
        }
    }

    /// Decides on a day that is not due; nil where only its stored cells can decide.
    init?(reopenable due: DueSlice, _ figures: FairStackDayFigures, _ memory: FairStackDayMemory?, now: Timestamp) {
        if let memory {
            let isStale = due.lastRead.map { $0 + FairStackDayMemory.patience <= now } ?? true
            self = memory.figures != figures || (!memory.isConfirmed && isStale) ? .read : .keep
        } else if figures.isKnown {
            return nil
        } else {
            self = .keep
        }
    }
}
