import Yams

/// A problem in the config file, and how to fix it. Never contains a secret.
package struct ConfigurationProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file's path as given on the command line.
    package let file: String
    /// The line, from 1; nil for the file as a whole.
    package let line: Int?
    /// The column, from 1, counted in Unicode scalars; nil for the file as a whole.
    package let column: Int?
    /// The path in the document, such as `accounts[0].sync_interval`; empty for the document itself.
    package let path: String
    /// The problem, and how to fix it.
    package let message: String

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
    /// Orders by position in the file.
    package static func < (left: ConfigurationProblem, right: ConfigurationProblem) -> Bool {
        (left.line ?? 0, left.column ?? 0, left.path, left.message)
            < (right.line ?? 0, right.column ?? 0, right.path, right.message)
    }
}

/// All problems in the config file, sorted by position; never empty.
package struct ConfigurationProblems: Error, Sendable, Hashable, CustomStringConvertible {
    /// The problems, sorted by position.
    package let problems: [ConfigurationProblem]

    package init(_ problems: [ConfigurationProblem]) {
        self.problems = problems.sorted()
    }

    /// One problem per line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// A position in the config file: line and column from 1, columns counted in Unicode scalars.
package struct FilePlace {
    package let line: Int
    package let column: Int
}

extension Mark {
    /// The same position as a type that does not need the parser.
    package var place: FilePlace { FilePlace(line: line, column: column) }
}

/// Collects problems while the document is read, because reading does not stop at the first problem.
package final class ProblemLog {
    /// The file's path as given on the command line.
    package let file: String
    package private(set) var problems: [ConfigurationProblem] = []
    package private(set) var warnings: [ConfigurationProblem] = []

    package init(file: String) {
        self.file = file
    }

    /// Reports a problem that makes the file unusable.
    package func problem(_ message: String, at place: FilePlace?, path: String) {
        // A node that several aliases refer to is read once for each of them.
        let problem = located(message, at: place, path: path)
        if !problems.contains(problem) { problems.append(problem) }
    }

    /// Reports something valid that is probably a mistake.
    package func warning(_ message: String, at place: FilePlace?, path: String) {
        warnings.append(located(message, at: place, path: path))
    }

    private func located(_ message: String, at place: FilePlace?, path: String) -> ConfigurationProblem {
        ConfigurationProblem(file: file, line: place?.line, column: place?.column, path: path, message: message)
    }
}
