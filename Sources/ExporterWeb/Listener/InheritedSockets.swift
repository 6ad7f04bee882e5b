import Foundation

/// Listening sockets that systemd opened and handed over (sd_listen_fds(3)): `--web.systemd-socket`.
///
/// Systemd may then own a port below 1024, and keeps it open while the exporter restarts.
public enum InheritedSockets {
    /// The first of them, SD_LISTEN_FDS_START of sd-daemon.h; the others follow it.
    private static let first: CInt = 3

    /// Takes the sockets over.
    ///
    /// - Parameter environment: the process's, where systemd says whose sockets they are and how many.
    /// - Throws: where there are none, or one is not a stream socket that listens.
    public static func take(
        environment: [String: String] = ProcessInfo.processInfo.environment, processID: Int32 = getpid()
    ) throws(InheritedSocketFailure) -> [CInt] {
        guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == processID,
            let count = environment["LISTEN_FDS"].flatMap({ CInt($0) }), (1...1024).contains(count)
        else { throw .none }
        let sockets = Array(first..<first + count)
        for socket in sockets {
            guard option(SO_TYPE, of: socket) == CInt(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN, of: socket) == 1
            else { throw .notListening(socket) }
            // Not to be handed on to a child process.
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        }
        return sockets
    }

    /// Whether a socket speaks TCP; the other kind that systemd opens is a Unix socket.
    static func isTCP(_ socket: CInt) -> Bool {
        option(SO_PROTOCOL, of: socket) == CInt(IPPROTO_TCP)
    }

    private static func option(_ name: CInt, of socket: CInt) -> CInt? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}

/// Why no socket could be taken over from systemd.
public enum InheritedSocketFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case none
    case notListening(CInt)

    /// What was wrong and what would be right.
    public var description: String {
        switch self {
        case .none:
            "--web.systemd-socket: systemd handed over no socket (LISTEN_PID and LISTEN_FDS); start the exporter by a "
                + "socket unit, or leave the flag out"
        case .notListening(let socket):
            "--web.systemd-socket: file descriptor \(socket) is not a stream socket that listens; the socket unit needs "
                + "ListenStream= and Accept=no"
        }
    }
}
