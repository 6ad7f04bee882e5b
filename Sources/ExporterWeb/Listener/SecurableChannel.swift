import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// One client's connection: over TLS where the web config in force says so, with the certificates of that moment.
struct SecurableChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let http: HTTP1Channel
    let settings: WebConfigurationStore

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        guard let tls = settings.current.tls else { return http.setup(channel: channel, logger: logger) }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(PlainTextAnswer())
            try tls.addHandlers(to: channel.pipeline.syncOperations)
        }.flatMap {
            http.setup(channel: channel, logger: logger)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}
