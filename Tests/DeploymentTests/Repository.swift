import Foundation

/// The repository that the tests were built from: its dashboards, rules and deployment files.
enum Repository {
    /// Its top folder.
    static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardized.path

    /// The programs beside these tests.
    static let programs = path + "/Tests/DeploymentTests"

    /// The files of a folder whose names end so, sorted; their paths begin at the top.
    static func files(in folder: String, endingIn suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").filter { $0.hasSuffix(suffix) }
            .sorted()
            .map { "\(folder)/\($0)" }
    }

    /// A file's text.
    static func text(_ file: String) throws -> String {
        try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
    }
}
