import Foundation
import NIOCore

/// A listen address: `:10061`, `host:port` or `[v6]:port`, as in other Prometheus exporters.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// Name or address of one interface; nil for all of them.
    package let host: String?
    /// 0 picks a free port.
    package let port: Int

    package init(host: String?, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses an address.
    ///
    /// - Throws: `InvalidListenAddress`.
    package init(_ text: String) throws(InvalidListenAddress) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw InvalidListenAddress(text: text) }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") || host.contains("[") {
            throw InvalidListenAddress(text: text)
        }
        self.init(host: host.isEmpty ? nil : host, port: port)
    }

    /// `host:port`, with an IPv6 address in brackets.
    package var description: String {
        guard let host else { return ":\(port)" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether it means all interfaces of the machine.
    package var isEverywhere: Bool { host.map { ["0.0.0.0", "::"].contains($0) } ?? true }

    /// The host to bind. All interfaces are bound by IPv6, which accepts IPv4 too, if the machine has it.
    var bindHost: String {
        if let host { return host }
        let hasIPv6 = FileManager.default.contents(atPath: "/proc/self/net/if_inet6").map { !$0.isEmpty } ?? false
        return hasIPv6 ? "::" : "0.0.0.0"
    }
}

extension ListenAddress {
    /// The socket address of an IPv6 host with a zone (`fe80::1%eth0`, RFC 4007); nil for other hosts, which are
    /// resolved by name.
    ///
    /// - Throws: `ListenFailure` if no interface has the zone's name or number, or the address is malformed.
    func zonedSocketAddress() throws -> SocketAddress? {
        guard let host, let percent = host.firstIndex(of: "%") else { return nil }
        let zone = String(host[host.index(after: percent)...])
        let scope = UInt32(zone) ?? if_nametoindex(zone)
        guard scope > 0 else { throw ListenFailure(address: self, code: ENODEV) }
        guard case .v6(let plain) = try? SocketAddress(ipAddress: String(host[..<percent]), port: port) else {
            throw ListenFailure(address: self, code: EADDRNOTAVAIL)
        }
        var address = plain.address
        address.sin6_scope_id = scope
        return SocketAddress(address, host: host)
    }
}

/// A failure to listen on an address.
package struct ListenFailure: Error, Sendable, CustomStringConvertible {
    let address: ListenAddress
    /// As in errno(3); nil if the host has no address.
    let code: CInt?

    package var description: String {
        guard let code else {
            return "cannot listen on \(address): the host has no address; give an IP address of this machine, or :PORT"
        }
        let reason = String(cString: strerror(code))
        let advice =
            switch code {
            case EADDRINUSE: "; stop what listens there, or choose another --web.listen-address"
            case EACCES: "; ports below 1024 need a privilege: choose another --web.listen-address"
            case ENODEV: "; what follows % must be one of this machine's interfaces"
            case EADDRNOTAVAIL: "; the address must be one of this machine's"
            default: ""
            }
        return "cannot listen on \(address): \(reason)\(advice)"
    }
}

/// A malformed listen address.
package struct InvalidListenAddress: Error, Sendable, CustomStringConvertible {
    let text: String

    package var description: String {
        "cannot listen on \"\(text)\": expected host:port, [IPv6]:port or :port with a port from 0 to 65535"
    }
}

/// The configured address or inherited socket of a listener.
enum ListeningPlace: Sendable {
    case address(ListenAddress)
    /// A descriptor passed by systemd.
    case socket(CInt)

    /// Whether it is a TCP socket: systemd can also pass a Unix socket.
    var isTCP: Bool {
        switch self {
        case .address: true
        case .socket(let socket): InheritedSockets.isTCP(socket)
        }
    }
}

/// The bound address of a listener, for the log and for links.
struct BoundPlace: Sendable, CustomStringConvertible {
    /// With the port that was bound; nil for a Unix socket.
    let address: ListenAddress?
    let description: String

    /// Shows a configured address with the bound port.
    init(_ bound: SocketAddress?, asked: ListeningPlace) {
        let bound = bound.map { (host: $0.ipAddress, port: $0.port, path: $0.pathname) }
        switch asked {
        case .address(let address):
            self.address = ListenAddress(host: address.bindHost, port: bound?.port ?? address.port)
        case .socket:
            address = bound?.port.map { ListenAddress(host: bound?.host, port: $0) }
        }
        description = address.map { "\($0)" } ?? bound?.path ?? "a socket without a name"
    }
}

/// Listening sockets passed by systemd (sd_listen_fds(3)), for `--web.systemd-socket`.
///
/// Systemd can bind a port below 1024, and keeps it open while the exporter restarts.
package enum InheritedSockets {
    /// The first of them, SD_LISTEN_FDS_START of sd-daemon.h; the others follow it.
    private static let first: CInt = 3

    /// Validates and returns the sockets.
    ///
    /// - Parameter environment: the process's, in which systemd sets the receiving process and the number of sockets.
    /// - Throws: if there are none, or one is not a listening stream socket.
    package static func take(
        environment: [String: String] = ProcessInfo.processInfo.environment, processID: Int32 = getpid()
    ) throws(InheritedSocketFailure) -> [CInt] {
        guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == processID,
            let count = environment["LISTEN_FDS"].flatMap({ CInt($0) }), (1...1024).contains(count)
        else { throw .none }
        let sockets = Array(first..<first + count)
        for socket in sockets {
            guard option(SO_TYPE, of: socket) == CInt(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN, of: socket) == 1
            else { throw .notListening(socket) }
            // Child processes must not inherit it.
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        }
        return sockets
    }

    /// Whether a socket is a TCP socket; otherwise it is a Unix socket.
    static func isTCP(_ socket: CInt) -> Bool {
        option(SO_PROTOCOL, of: socket) == CInt(IPPROTO_TCP)
    }

    private static func option(_ name: CInt, of socket: CInt) -> CInt? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}

/// A failure to inherit sockets from systemd.
package enum InheritedSocketFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case none
    case notListening(CInt)

    package var description: String {
        switch self {
        case .none:
            "--web.systemd-socket: systemd passed no socket (LISTEN_PID and LISTEN_FDS); start the exporter by a "
                + "socket unit, or omit the flag"
        case .notListening(let socket):
            "--web.systemd-socket: file descriptor \(socket) is not a listening stream socket; the socket unit needs "
                + "ListenStream= and Accept=no"
        }
    }
}
