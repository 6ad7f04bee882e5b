import ExporterWeb
import Foundation

/// How many files and connections the process may hold open (getrlimit(2)).
enum OpenFileLimit {
    /// Raises the soft limit to the hard one: the soft one is low by tradition, for programs that use select(2), and a
    /// thousand idle clients would use it up.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        // Where it is refused, the old limit stays, and serves.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Descriptors kept from clients: for the ledger, the providers' connections, the files in /proc without which
    /// libdispatch ends the process, and for three of each event loop.
    static var reserve: Int {
        64 + 3 * ProcessInfo.processInfo.activeProcessorCount + ExporterWebServer.descriptorsBeyondMaximum
    }

    /// The most connections that clients may hold: `reserve` is left.
    static var mostConnections: Int { max(1, current - reserve) }

    /// The connections that clients may hold unless the flag gives a number: half of the limit, but no more than take up
    /// some 300 MB when idle.
    static var defaultConnections: Int { min(current / 2, 16_384, mostConnections) }

    /// The soft limit; where it cannot be read, what is usual.
    private static var current: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}

/// Whether a crash may leave the process's memory in a file (core(5)).
enum CoreDumps {
    /// Forbids them: the memory holds every account's keys.
    ///
    /// The limit is 1 byte, not 0: at 0 the kernel would still hand the memory to a program that collects dumps.
    static func forbid() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(1, limit.rlim_max)
        // Lowering a soft limit is never refused.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    }
}
