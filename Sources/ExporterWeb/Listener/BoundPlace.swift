import NIOCore

/// Where a listener came to listen, for the log and for who prints a link.
struct BoundPlace: Sendable, CustomStringConvertible {
    /// With the port that was bound; nil for a Unix socket.
    let address: ListenAddress?
    let description: String

    /// - Parameter asked: an address is shown as it was asked for, but for its port.
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
