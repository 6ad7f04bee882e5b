/// What this exporter was built from: the labels of `genai_exporter_build_info`.
public struct BuildInformation: Sendable {
    /// The version of the exporter.
    public static let version = "0.1.0"

    /// The git commit, or `unknown`.
    public let revision: String

    /// The compiler's language version.
    public var swiftVersion: String {
        #if compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2)
            "6.2"
        #else
            "6.1"
        #endif
    }

    /// - Parameter revision: the git commit this was built from.
    public init(revision: String) {
        self.revision = revision
    }
}
