import Yams

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
