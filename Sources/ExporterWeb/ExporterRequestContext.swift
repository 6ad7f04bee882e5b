import Hummingbird
import NIOCore

/// What is known of a request beside the request itself: also the connection that it came by.
struct ExporterRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, or the stream of an HTTP/2 connection.
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}
