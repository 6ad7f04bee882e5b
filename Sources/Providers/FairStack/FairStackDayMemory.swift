import Foundation
import UsageModel

/// The keys with which a day was first read, and the figures of `daily` at its last read. A value type, stored as JSON
/// as long as the day's cells are kept.
struct FairStackDayMemory: Equatable, Codable {
    /// The keys with which the day was first read. Keys that are added to the config later are not added here, because
    /// usage that moves from `key=""` to a key would count twice: the counter of `key=""` never falls.
    private(set) var keys: [FairStackKey]
    /// Names of keys whose share of the day stays as it is stored, because the API did not know them at one read of the
    /// day. Their usage since then is counted under `key=""`.
    private(set) var frozen: [String] = []
    /// The figures of `daily` at the last read.
    private(set) var figures = FairStackDayFigures.unlisted
    /// Whether the last read agreed with `figures`; if not, one of the two endpoints was ahead of the other.
    private(set) var isConfirmed = false

    /// Days until a day's state is deleted; its cells are deleted earlier.
    static let lifetime = 101
    /// The delay before a closed day is read again whose two endpoints disagree.
    static let patience = Duration.days(1)

    /// Creates the state of a day without stored state. A day with cells keeps their keys.
    init(configured: [FairStackKey], cells: [Cell]) {
        let families: Set<LedgerFamily> = [.cost, .credits, .requests, .keyCost, .keyCredits]
        let names = Set(cells.filter { families.contains($0.family) }.map { $0.labels[0] })
        keys = cells.isEmpty ? configured : configured.filter { names.contains($0.name) }
        // A key without an id cannot be queried.
        frozen = names.subtracting(keys.map(\.name)).subtracting([""]).sorted()
    }

    /// Decodes the stored state; nil if there is none or if it cannot be decoded.
    init?(stored: String?) {
        guard let stored, let memory = try? JSONDecoder().decode(Self.self, from: Data(stored.utf8)) else { return nil }
        self = memory
    }

    /// The name under which the state of a day is stored.
    static func name(of day: UTCDay) -> String { "day/\(day)" }

    /// Returns the JSON to store.
    func encoded() throws -> String { try RememberedJSON.text(of: self) }

    var queried: [FairStackKey] { keys.filter { !frozen.contains($0.name) } }

    /// Keeps a key's share of the day as it is stored.
    mutating func freeze(_ key: FairStackKey) {
        if !frozen.contains(key.name) { frozen.append(key.name) }
    }

    /// Records a read.
    mutating func record(_ figures: FairStackDayFigures, isConfirmed: Bool) {
        self.figures = figures
        self.isConfirmed = isConfirmed
    }
}

/// The action for a day in a sync.
enum FairStackDayStep: Equatable {
    /// Keep the stored cells, because nothing has changed.
    case keep
    /// Query the day.
    case read
    /// `daily` reports no usage for the day. It is empty if the total of its range confirms this; otherwise it is read.
    case confirm

    /// Decides on a day of the re-read schedule.
    ///
    /// - Parameter isOpen: whether the day has not ended yet.
    init(_ due: DueSlice, _ figures: FairStackDayFigures, _ memory: FairStackDayMemory?, isOpen: Bool) {
        let isReread = due.lastRead != nil
        // The last read is always complete, because usage that moved between models does not change the day's sums.
        let isLast = due.settles && isReread
        if !isLast, isReread, let memory, memory.isConfirmed, figures.isKnown, memory.figures == figures {
            self = .keep
        } else if !isOpen, !isLast, memory == nil, figures == .unlisted || figures.isZero {
            self = .confirm
        } else {
            self = .read
        }
    }

    /// Decides on a day that is not due; nil if its stored cells are needed for the decision.
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
