import NIOCore
import NIOSSL
import NIOTLS
import SwiftASN1
import X509

/// Lets a client in only if its certificate names one of those that the web config allows (`client_allowed_sans`).
final class ClientNameCheck: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let allowed: Set<String>

    init(allowed: Set<String>) {
        self.allowed = allowed
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent, !isAllowed(context) {
            context.close(promise: nil)
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func isAllowed(_ context: ChannelHandlerContext) -> Bool {
        // Without a certificate there is nothing to hold a name against: whether one must come is the policy's affair.
        guard let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self),
            let presented = handler.peerCertificate
        else { return true }
        guard let bytes = try? presented.toDERBytes(), let certificate = try? Certificate(derEncoded: bytes),
            let names = try? certificate.extensions.subjectAlternativeNames
        else { return false }
        return names.contains { name in
            switch name {
            case .dnsName(let text), .rfc822Name(let text), .uniformResourceIdentifier(let text):
                allowed.contains(text)
            case .ipAddress(let address): Self.text(of: address).map(allowed.contains) ?? false
            default: false
            }
        }
    }

    /// An address as people write it; the name holds its bytes.
    private static func text(of address: ASN1OctetString) -> String? {
        var buffer = ByteBuffer(bytes: address.bytes)
        return
            (try? SocketAddress(packedIPAddress: buffer.readSlice(length: address.bytes.count) ?? ByteBuffer(), port: 0))?
            .ipAddress
    }
}
