extension MetricFamily {
    /// The family's metadata lines, to be written once before all of its samples.
    ///
    /// `# HELP` (unless the help is empty), `# TYPE`, and in OpenMetrics `# UNIT` when the name states a unit. A family
    /// without samples should be left out with its header.
    public func header(in format: ExpositionFormat) -> [UInt8] {
        let name = metadataName(in: format)
        var bytes: [UInt8] = []
        if !help.isEmpty {
            bytes.append(contentsOf: "# HELP \(name) ".utf8)
            bytes.appendEscaped(help, quotes: format == .openMetrics100)
            bytes.append(UInt8(ascii: "\n"))
        }
        bytes.append(contentsOf: "# TYPE \(name) \(type.rawValue)\n".utf8)
        if format == .openMetrics100, let unit {
            bytes.append(contentsOf: "# UNIT \(name) \(unit)\n".utf8)
        }
        return bytes
    }
}
