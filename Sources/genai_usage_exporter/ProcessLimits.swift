import ExporterWeb
import Foundation

/// Limits of the process's open files and connections (getrlimit(2)).
enum OpenFileLimit {
    /// Raises the soft limit to the hard one. The soft limit is usually low, for programs that use select(2), and a
    /// thousand idle clients would exhaust it.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        // On failure the old limit stays, which is sufficient.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Descriptors reserved for the ledger, the providers' connections, the files in /proc without which libdispatch
    /// ends the process, and three for each event loop.
    static var reserve: Int {
        64 + 3 * ProcessInfo.processInfo.activeProcessorCount + ExporterWebServer.descriptorsBeyondMaximum
    }

    /// Maximum number of client connections, which leaves `reserve`.
    static var mostConnections: Int { max(1, current - reserve) }

    /// Maximum number of client connections unless the flag is given: half of the limit, but no more than use some 300
    /// MB when idle.
    static var defaultConnections: Int { min(current / 2, 16_384, mostConnections) }

    /// The soft limit, or the usual one if it cannot be read.
    private static var current: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}

/// Core dumps of the process (core(5)).
enum CoreDumps {
    /// Disables core dumps, because the memory contains every account's keys.
    ///
    /// The limit is 1 byte, because at 0 the kernel would still pipe the memory to a program that collects dumps.
    static func forbid() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(1, limit.rlim_max)
        // Lowering a soft limit never fails.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    }
}
