import PrometheusExposition

/// What a series shows.
enum SampleValue: Sendable, Equatable {
    case number(Double)
    /// Observations by bucket, not cumulative, the last for those above every bound; and their sum.
    case histogram(counts: [UInt64], sum: Double)
}

/// One account's series of one family, in chunks of a bounded size: a change renders its chunk anew, not the family.
struct SeriesTable {
    struct Entry: Equatable {
        let labels: LabelSet
        let created: UnixTimestamp?
        /// Nil while the series is not shown.
        var value: SampleValue?
    }

    /// Series in a chunk: about 30 kB of text.
    static let chunkSize = 256

    private(set) var chunks: [[Entry]] = []
    private var places: [Int64: Int] = [:]
    private var count = 0

    /// Sets a series' value and answers the chunk that changed; nil where nothing did.
    ///
    /// - Parameter key: what the series is known by here; its labels are those that its first value came with.
    mutating func set(
        _ key: Int64, _ value: SampleValue?, labels: LabelSet, created: UnixTimestamp? = nil
    ) -> Int? {
        if let place = places[key] {
            let (chunk, slot) = place.quotientAndRemainder(dividingBy: Self.chunkSize)
            let before = chunks[chunk][slot].value
            guard before != value else { return nil }
            chunks[chunk][slot].value = value
            return chunk
        }
        guard let value else { return nil }
        let (chunk, slot) = count.quotientAndRemainder(dividingBy: Self.chunkSize)
        if slot == 0 { chunks.append([]) }
        chunks[chunk].append(Entry(labels: labels, created: created, value: value))
        places[key] = count
        count += 1
        return chunk
    }

    /// Replaces every series, for families that a source measures as a whole, and answers the chunks that changed.
    mutating func replace(with entries: [Entry]) -> [Int] {
        let before = chunks
        chunks = stride(from: 0, to: entries.count, by: Self.chunkSize).map {
            Array(entries[$0..<min($0 + Self.chunkSize, entries.count)])
        }
        places = [:]
        count = entries.count
        return (0..<max(before.count, chunks.count)).filter { chunk in
            chunk >= before.count || chunk >= chunks.count || before[chunk] != chunks[chunk]
        }
    }
}
