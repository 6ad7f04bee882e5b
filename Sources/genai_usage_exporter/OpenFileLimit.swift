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
}
