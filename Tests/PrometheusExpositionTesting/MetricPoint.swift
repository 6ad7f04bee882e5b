import PrometheusExposition

/// The key of a metric in its family: its labels without `le`, as bytes.
///
/// Compares bytes because Swift's strings are equal if they are canonically equivalent, but Prometheus distinguishes a
/// composed and a decomposed é.
struct MetricKey: Hashable {
    private let bytes: [UInt8]

    init(_ labels: [String: String], without excluded: String?) {
        // 0xFF never occurs in UTF-8, so it can terminate each part.
        var bytes: [UInt8] = []
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) where name != excluded {
            bytes += name.utf8
            bytes.append(0xFF)
            bytes += value.utf8
            bytes.append(0xFF)
        }
        self.bytes = bytes
    }
}

/// The samples of one metric at one timestamp, which are validated together, such as a histogram's.
struct MetricPoint {
    typealias Reason = ExpositionParseError.Reason

    let metric: MetricKey
    let timestamp: UnixTimestamp?
    private(set) var created: UnixTimestamp?
    private var hasValue = false
    private var lastBucket: (bound: Double, count: Double)?
    private var sum: Double?
    private var count: Double?

    init(metric: MetricKey, timestamp: UnixTimestamp?) {
        self.metric = metric
        self.timestamp = timestamp
    }

    mutating func add(_ sample: ParsedSample, as role: SampleRole, isCounter: Bool) throws(Reason) {
        switch role {
        case .value:
            guard !hasValue else { throw .duplicateSeries(sample.name) }
            if isCounter { try checkNotNegative(sample) }
            hasValue = true
        case .bucket:
            try addBucket(sample)
        case .sum:
            guard sum == nil else { throw .duplicateSeries(sample.name) }
            try checkNotNegative(sample)
            sum = sample.value
        case .count:
            guard count == nil else { throw .duplicateSeries(sample.name) }
            try checkWhole(sample)
            count = sample.value
        case .created:
            guard created == nil else { throw .duplicateSeries(sample.name) }
            guard let time = NumberReader.moment(seconds: sample.value) else {
                throw .badValue("\(sample.value)")
            }
            created = time
        }
    }

    /// Validates the point after all of its samples were added.
    func judge(isHistogram: Bool) throws(Reason) {
        guard isHistogram else {
            guard hasValue else { throw .createdWithoutSample }
            return
        }
        guard let lastBucket, lastBucket.bound == .infinity else { throw .missingInfinityBucket }
        guard sum != nil, let count else { throw .missingSumOrCount }
        guard count == lastBucket.count else { throw .countMismatch }
    }

    private mutating func addBucket(_ sample: ParsedSample) throws(Reason) {
        guard let text = sample.labels[HistogramEncoder.boundLabel], let bound = NumberReader.double(text), !bound.isNaN
        else { throw .badBound }
        try checkWhole(sample)
        if let lastBucket {
            guard bound != lastBucket.bound else { throw .duplicateSeries(sample.name) }
            guard bound > lastBucket.bound else { throw .unsortedBounds }
            guard sample.value >= lastBucket.count else { throw .bucketsNotCumulative }
        }
        lastBucket = (bound, sample.value)
    }

    /// Throws if a total, sum or count is NaN or negative (OpenMetrics 1.0, "Counter" and "Histogram").
    private func checkNotNegative(_ sample: ParsedSample) throws(Reason) {
        guard sample.value >= 0 else { throw .badValue("\(sample.value)") }
    }

    private func checkWhole(_ sample: ParsedSample) throws(Reason) {
        try checkNotNegative(sample)
        // Every double from 2^53 on is whole.
        guard sample.value >= 0x1p53 || Double(UInt64(sample.value)) == sample.value else {
            throw .badValue("\(sample.value)")
        }
    }
}
