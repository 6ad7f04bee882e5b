import Foundation

/// The repository that the tests were built from: its dashboards, rules and deployment files.
enum Repository {
    static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardized.path

    /// Directory of the scripts next to these tests.
    static let programs = path + "/Tests/DeploymentTests"

    /// The files of a directory with the given suffix, sorted; paths are relative to the root.
    static func files(in folder: String, endingIn suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").filter { $0.hasSuffix(suffix) }
            .sorted()
            .map { "\(folder)/\($0)" }
    }

    static func text(_ file: String) throws -> String {
        try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
    }
}
