/// A setting that cannot be used, found before any request is made.
public struct InvalidUpstreamSetting: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what would be right; never the value of a setting that may hold a secret.
    public let message: String

    /// A setting that cannot be used.
    public init(_ message: String) {
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
