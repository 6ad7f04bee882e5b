import Foundation

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
