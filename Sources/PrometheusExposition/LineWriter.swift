/// Writes the parts of one kind of sample line that surround its value: `name{labels,fixed} ` and ` timestamp\n`.
struct LineWriter: Sendable {
    private let format: ExpositionFormat
    private let name: [UInt8]
    /// A label that every line of this kind has, such as `le="0.5"`; empty when there is none.
    private let fixedLabel: [UInt8]

    init(name: String, fixedLabel: [UInt8] = [], format: ExpositionFormat) {
        self.format = format
        self.name = Array(name.utf8)
        self.fixedLabel = fixedLabel
    }

    /// The writer of `_created` lines, which OpenMetrics 1.0 has for counters and histograms ("Metric Types").
    static func created(of family: MetricFamily, format: ExpositionFormat) -> LineWriter? {
        guard format == .openMetrics100, family.type != .gauge else { return nil }
        return LineWriter(name: family.baseName + "_created", format: format)
    }

    func begin(_ labels: LabelSet, in buffer: inout [UInt8]) {
        buffer.append(bytesOf: name)
        if !labels.bytes.isEmpty || !fixedLabel.isEmpty {
            buffer.append(UInt8(ascii: "{"))
            buffer.append(bytesOf: labels.bytes)
            if !labels.bytes.isEmpty, !fixedLabel.isEmpty { buffer.append(UInt8(ascii: ",")) }
            buffer.append(bytesOf: fixedLabel)
            buffer.append(UInt8(ascii: "}"))
        }
        buffer.append(UInt8(ascii: " "))
    }

    func end(at moment: UnixTimestamp?, in buffer: inout [UInt8]) {
        if let moment {
            buffer.append(UInt8(ascii: " "))
            switch format {
            case .openMetrics100:
                buffer.appendSeconds(moment, pointAlways: false)
            case .text004:
                if moment.milliseconds < 0 { buffer.append(UInt8(ascii: "-")) }
                buffer.appendInteger(moment.milliseconds.magnitude)
            }
        }
        buffer.append(UInt8(ascii: "\n"))
    }
}

extension [UInt8] {
    /// Appends bytes without counting a reference to them: lines are written by several processors at once, which would
    /// contend for the count of what every line has.
    fileprivate mutating func append(bytesOf bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}
