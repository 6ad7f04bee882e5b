import Foundation

/// The standard `process_*` metrics of this process, from `/proc`; a value that cannot be read is nil.
struct ProcessFigures: Sendable {
    var cpuSeconds: Double?
    var residentBytes: Double?
    var virtualBytes: Double?
    var openFiles: Double?
    var maximumFiles: Double?
    var startTime: Double?
    var receivedBytes: Double?
    var sentBytes: Double?

    /// Reads the current values (man 5 proc).
    static func read() -> ProcessFigures {
        var figures = ProcessFigures()
        figures.readStatus()
        figures.openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map {
            // Listing the directory opens another descriptor.
            Double(max(0, $0.count - 1))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            figures.maximumFiles = Double(limit.rlim_cur)
        }
        figures.readNetwork()
        return figures
    }

    private mutating func readStatus() {
        // The command's name is in brackets and may contain spaces, so fields are counted from the last bracket.
        guard let text = contents(of: "/proc/self/stat"), let bracket = text.lastIndex(of: ")") else { return }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        guard fields.count > 21, ticks > 0 else { return }
        if let user = Double(fields[11]), let system = Double(fields[12]) { cpuSeconds = (user + system) / ticks }
        virtualBytes = Double(fields[20])
        residentBytes = Double(fields[21]).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
        if let sinceBoot = Double(fields[19]), let boot = bootTime() { startTime = boot + sinceBoot / ticks }
    }

    private func bootTime() -> Double? {
        contents(of: "/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
            .flatMap { Double($0.dropFirst(6)) } ?? Self.bootTimeByClocks
    }

    /// The boot time in seconds by two clocks, for a `/proc` with only processes (systemd's `ProcSubset=pid`). Read
    /// once, because the start time must not move when the clock is set.
    private static let bootTimeByClocks: Double = {
        var (real, sinceBoot) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME, &real)
        clock_gettime(CLOCK_BOOTTIME, &sinceBoot)
        return Double(real.tv_sec - sinceBoot.tv_sec)
    }()

    private mutating func readNetwork() {
        guard let text = contents(of: "/proc/self/net/dev") else { return }
        var received = 0.0
        var sent = 0.0
        for line in text.split(separator: "\n").dropFirst(2) {
            let columns = line.split(separator: ":", maxSplits: 1)
            guard columns.count == 2 else { continue }
            let figures = columns[1].split(separator: " ")
            guard figures.count > 8 else { continue }
            received += Double(figures[0]) ?? 0
            sent += Double(figures[8]) ?? 0
        }
        receivedBytes = received
        sentBytes = sent
    }

    private func contents(of path: String) -> String? {
        // Files in /proc have size 0, so they are read to their end.
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? handle.close() }
        return (try? handle.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// The labels of `genai_exporter_build_info`.
package struct BuildInformation: Sendable {
    package static let version = "0.2.0"

    /// The git commit, or `unknown`.
    package let revision: String

    /// The compiler's language version.
    package var swiftVersion: String {
        #if compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2)
            "6.2"
        #else
            "6.1"
        #endif
    }

    /// - Parameter revision: the git commit of the build.
    package init(revision: String) {
        self.revision = revision
    }
}
