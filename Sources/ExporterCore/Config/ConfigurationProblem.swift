import Yams

/// One thing that is wrong in the config file, and what would be right. Never holds a secret.
package struct ConfigurationProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file as it was named on the command line.
    package let file: String
    /// The line, from 1; nil where the file as a whole is meant.
    package let line: Int?
    /// The column, from 1, counted in Unicode scalars; nil where the file as a whole is meant.
    package let column: Int?
    /// The place in the document, such as `accounts[0].sync_interval`; empty for the document itself.
    package let path: String
    /// What is wrong, and what would be right.
    package let message: String

    /// A problem at a place.
    package init(file: String, line: Int? = nil, column: Int? = nil, path: String = "", message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message
    }

    /// `file:line:column: path: message`, the form that editors and CI systems make clickable.
    package var description: String {
        var parts = [file]
        if let line, let column { parts[0] += ":\(line):\(column)" }
        if !path.isEmpty { parts.append(path) }
        parts.append(message)
        return parts.joined(separator: ": ")
    }
}

extension ConfigurationProblem: Comparable {
    /// Order of place in the file.
    package static func < (left: ConfigurationProblem, right: ConfigurationProblem) -> Bool {
        (left.line ?? 0, left.column ?? 0, left.path, left.message)
            < (right.line ?? 0, right.column ?? 0, right.path, right.message)
    }
}

/// Everything that is wrong in the config file, sorted by place; never empty.
package struct ConfigurationProblems: Error, Sendable, Hashable, CustomStringConvertible {
    /// The problems, sorted by place.
    package let problems: [ConfigurationProblem]

    /// All problems of a file.
    package init(_ problems: [ConfigurationProblem]) {
        self.problems = problems.sorted()
    }

    /// One problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// A place in the config file: line and column from 1, columns counted in Unicode scalars.
package struct FilePlace {
    let line: Int
    let column: Int
}

extension Mark {
    /// The same place as a value that can be made without the parser.
    var place: FilePlace { FilePlace(line: line, column: column) }
}

/// Collects what is wrong while the document is read on: reading never stops at the first problem.
package final class ProblemLog {
    /// The file as it was named on the command line.
    let file: String
    package private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationProblem] = []

    package init(file: String) {
        self.file = file
    }

    /// Something that must be put right before the file can be used.
    package func problem(_ message: String, at place: FilePlace?, path: String) {
        // A node that several aliases name is read once for each of them.
        let problem = located(message, at: place, path: path)
        if !problems.contains(problem) { problems.append(problem) }
    }

    /// Something that is allowed but probably not meant.
    func warning(_ message: String, at place: FilePlace?, path: String) {
        warnings.append(located(message, at: place, path: path))
    }

    private func located(_ message: String, at place: FilePlace?, path: String) -> ConfigurationProblem {
        ConfigurationProblem(file: file, line: place?.line, column: place?.column, path: path, message: message)
    }
}
